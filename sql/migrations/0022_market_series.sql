-- Public market series: each landed file is a version, and adds only what it says differently from the versions before it.
CREATE TABLE reference.market_series (
  series_id integer NOT NULL,
  source_name text NOT NULL,
  measure text NOT NULL,
  vintage_date date NOT NULL,
  authority text NOT NULL,
  snapshot_sha256 text NOT NULL,
  object_key text NOT NULL,
  file_name text NOT NULL,
  value_count integer NOT NULL,
  changed_count integer NOT NULL,
  run_id text NOT NULL,
  loaded_at timestamptz NOT NULL,
  PRIMARY KEY (series_id)
);
COMMENT ON TABLE reference.market_series IS 'one landed version of one public market series';
COMMENT ON COLUMN reference.market_series.series_id IS 'number of the version; a later one of the same source holds before it';
COMMENT ON COLUMN reference.market_series.source_name IS 'declared source';
COMMENT ON COLUMN reference.market_series.measure IS 'what its values say, such as home_value, rent or inventory';
COMMENT ON COLUMN reference.market_series.vintage_date IS 'the day the file stands for';
COMMENT ON COLUMN reference.market_series.authority IS 'who publishes it';
COMMENT ON COLUMN reference.market_series.snapshot_sha256 IS 'SHA-256 of the landed file';
COMMENT ON COLUMN reference.market_series.object_key IS 'where the file lies in the object store';
COMMENT ON COLUMN reference.market_series.file_name IS 'name of the file as offered';
COMMENT ON COLUMN reference.market_series.value_count IS 'values in the file [values]';
COMMENT ON COLUMN reference.market_series.changed_count IS 'values that are new, revised or withdrawn [values]';
COMMENT ON COLUMN reference.market_series.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN reference.market_series.loaded_at IS 'when';
GRANT SELECT, INSERT ON reference.market_series TO estate_pipeline;
GRANT SELECT ON reference.market_series TO estate_api;

CREATE TABLE reference.series_landing (
  landing_id uuid NOT NULL,
  source_name text NOT NULL,
  file_name text NOT NULL,
  snapshot_sha256 text,
  outcome text NOT NULL,
  reason text,
  remedy text,
  series_id integer,
  value_count integer,
  changed_count integer,
  run_id text NOT NULL,
  landed_at timestamptz NOT NULL,
  PRIMARY KEY (landing_id)
);
COMMENT ON TABLE reference.series_landing IS 'one attempt to load a market series, good or bad';
COMMENT ON COLUMN reference.series_landing.landing_id IS 'this attempt';
COMMENT ON COLUMN reference.series_landing.source_name IS 'declared source the file was offered as';
COMMENT ON COLUMN reference.series_landing.file_name IS 'name of the file as offered';
COMMENT ON COLUMN reference.series_landing.snapshot_sha256 IS 'SHA-256 of the bytes; null when there were none to read';
COMMENT ON COLUMN reference.series_landing.outcome IS 'loaded, already_loaded, refused or failed';
COMMENT ON COLUMN reference.series_landing.reason IS 'why it was refused';
COMMENT ON COLUMN reference.series_landing.remedy IS 'what to do about it';
COMMENT ON COLUMN reference.series_landing.series_id IS 'version it made or repeats';
COMMENT ON COLUMN reference.series_landing.value_count IS 'values in the file [values]';
COMMENT ON COLUMN reference.series_landing.changed_count IS 'values that are new, revised or withdrawn [values]';
COMMENT ON COLUMN reference.series_landing.run_id IS 'Airflow run that tried';
COMMENT ON COLUMN reference.series_landing.landed_at IS 'when';
GRANT SELECT, INSERT ON reference.series_landing TO estate_pipeline;
GRANT SELECT ON reference.series_landing TO estate_api;

CREATE TABLE reference.market_area (
  source_name text NOT NULL,
  area_code text NOT NULL,
  series_id integer NOT NULL,
  area_kind text NOT NULL,
  area_name text NOT NULL,
  county_fips text,
  metro_code text,
  PRIMARY KEY (source_name, area_code, series_id)
);
COMMENT ON TABLE reference.market_area IS 'one area of one series as one version first named it; the newest version that speaks of it holds';
COMMENT ON COLUMN reference.market_area.source_name IS 'declared source';
COMMENT ON COLUMN reference.market_area.area_code IS 'the area as its publisher identifies it';
COMMENT ON COLUMN reference.market_area.series_id IS 'version that first said so';
COMMENT ON COLUMN reference.market_area.area_kind IS 'county, metro, state or nation';
COMMENT ON COLUMN reference.market_area.area_name IS 'its name as published';
COMMENT ON COLUMN reference.market_area.county_fips IS 'county, 5 digits; null for larger areas';
COMMENT ON COLUMN reference.market_area.metro_code IS 'first city and state of the metropolitan area it is or belongs to, as seattle-wa; null where none is named, or another area of the source has the same';
GRANT SELECT, INSERT ON reference.market_area TO estate_pipeline;
GRANT SELECT ON reference.market_area TO estate_api;

CREATE TABLE reference.market_value (
  source_name text NOT NULL,
  area_code text NOT NULL,
  period_date date NOT NULL,
  series_id integer NOT NULL,
  value double precision,
  PRIMARY KEY (source_name, area_code, period_date, series_id)
);
COMMENT ON TABLE reference.market_value IS 'one value of one area and period as one version first said it; the newest version that speaks of it holds';
COMMENT ON COLUMN reference.market_value.source_name IS 'declared source';
COMMENT ON COLUMN reference.market_value.area_code IS 'area, as in reference.market_area';
COMMENT ON COLUMN reference.market_value.period_date IS 'last day of the period';
COMMENT ON COLUMN reference.market_value.series_id IS 'version that first said so';
COMMENT ON COLUMN reference.market_value.value IS 'the value, in the unit of the source''s declaration; null where the version withdrew it';
GRANT SELECT, INSERT ON reference.market_value TO estate_pipeline;
GRANT SELECT ON reference.market_value TO estate_api;
