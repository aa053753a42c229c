-- Tables of hazard: the public layers and each property's exposure. Comments, keys, forced row-level security, grants.
CREATE TABLE reference.hazard_layer (
  layer_id integer NOT NULL,
  hazard text NOT NULL,
  source_name text NOT NULL,
  version text NOT NULL,
  vintage_date date NOT NULL,
  authority text NOT NULL,
  is_synthetic boolean NOT NULL,
  snapshot_sha256 text NOT NULL,
  object_key text NOT NULL,
  file_name text NOT NULL,
  feature_count integer NOT NULL,
  bounds geometry(Polygon,4326) NOT NULL,
  loaded_at timestamptz NOT NULL,
  is_current boolean NOT NULL,
  PRIMARY KEY (layer_id)
);
CREATE INDEX hazard_layer_bounds_idx ON reference.hazard_layer USING gist (bounds);
COMMENT ON TABLE reference.hazard_layer IS 'one version of one hazard layer';
COMMENT ON COLUMN reference.hazard_layer.layer_id IS 'number of the layer version';
COMMENT ON COLUMN reference.hazard_layer.hazard IS 'flood, wildfire, heat or seismic';
COMMENT ON COLUMN reference.hazard_layer.source_name IS 'declared source';
COMMENT ON COLUMN reference.hazard_layer.version IS 'version as its publisher names it';
COMMENT ON COLUMN reference.hazard_layer.vintage_date IS 'the day the layer stands for';
COMMENT ON COLUMN reference.hazard_layer.authority IS 'who publishes it';
COMMENT ON COLUMN reference.hazard_layer.is_synthetic IS 'made for demonstration, not observed';
COMMENT ON COLUMN reference.hazard_layer.snapshot_sha256 IS 'SHA-256 of the landed file';
COMMENT ON COLUMN reference.hazard_layer.object_key IS 'where the file lies in the object store';
COMMENT ON COLUMN reference.hazard_layer.file_name IS 'name of the file as offered';
COMMENT ON COLUMN reference.hazard_layer.feature_count IS 'features in the file';
COMMENT ON COLUMN reference.hazard_layer.bounds IS 'bounding box of the layer: the ground it can speak of';
COMMENT ON COLUMN reference.hazard_layer.loaded_at IS 'when';
COMMENT ON COLUMN reference.hazard_layer.is_current IS 'the version that new batches are read against';
GRANT SELECT, INSERT ON reference.hazard_layer TO estate_pipeline;
GRANT UPDATE (is_current) ON reference.hazard_layer TO estate_pipeline;
GRANT SELECT ON reference.hazard_layer TO estate_api;

CREATE TABLE reference.layer_landing (
  landing_id uuid NOT NULL,
  source_name text NOT NULL,
  file_name text NOT NULL,
  snapshot_sha256 text,
  outcome text NOT NULL,
  reason text,
  remedy text,
  layer_id integer,
  piece_count integer,
  run_id text NOT NULL,
  landed_at timestamptz NOT NULL,
  PRIMARY KEY (landing_id)
);
COMMENT ON TABLE reference.layer_landing IS 'one attempt to load a hazard layer, good or bad';
COMMENT ON COLUMN reference.layer_landing.landing_id IS 'this attempt';
COMMENT ON COLUMN reference.layer_landing.source_name IS 'declared source the file was offered as';
COMMENT ON COLUMN reference.layer_landing.file_name IS 'name of the file as offered';
COMMENT ON COLUMN reference.layer_landing.snapshot_sha256 IS 'SHA-256 of the bytes; null when there were none to read';
COMMENT ON COLUMN reference.layer_landing.outcome IS 'loaded, already_loaded, refused or failed';
COMMENT ON COLUMN reference.layer_landing.reason IS 'why it was refused';
COMMENT ON COLUMN reference.layer_landing.remedy IS 'what to do about it';
COMMENT ON COLUMN reference.layer_landing.layer_id IS 'layer version it made or repeats';
COMMENT ON COLUMN reference.layer_landing.piece_count IS 'pieces stored [pieces]';
COMMENT ON COLUMN reference.layer_landing.run_id IS 'Airflow run that tried';
COMMENT ON COLUMN reference.layer_landing.landed_at IS 'when';
GRANT SELECT, INSERT ON reference.layer_landing TO estate_pipeline;
GRANT SELECT ON reference.layer_landing TO estate_api;

CREATE TABLE reference.hazard_feature (
  layer_id integer NOT NULL,
  feature_row integer NOT NULL,
  piece integer NOT NULL,
  geom geometry(Polygon,4326) NOT NULL,
  flood_zone text,
  flood_zone_subtype text,
  is_in_sfha boolean,
  base_flood_elevation_ft double precision,
  burn_probability double precision,
  wildfire_hazard_class smallint,
  heat_wave_rate double precision,
  warming_c double precision,
  peak_ground_acceleration_g double precision,
  seismic_design_category text,
  PRIMARY KEY (layer_id, feature_row, piece)
);
CREATE INDEX hazard_feature_geom_idx ON reference.hazard_feature USING gist (geom);
COMMENT ON TABLE reference.hazard_feature IS 'one piece of one feature, valid and of at most 128 vertices';
COMMENT ON COLUMN reference.hazard_feature.layer_id IS 'layer version';
COMMENT ON COLUMN reference.hazard_feature.feature_row IS 'position of the feature in the file (the first is 1)';
COMMENT ON COLUMN reference.hazard_feature.piece IS 'number of the piece';
COMMENT ON COLUMN reference.hazard_feature.geom IS 'the piece';
COMMENT ON COLUMN reference.hazard_feature.flood_zone IS 'FLD_ZONE';
COMMENT ON COLUMN reference.hazard_feature.flood_zone_subtype IS 'ZONE_SUBTY';
COMMENT ON COLUMN reference.hazard_feature.is_in_sfha IS 'SFHA_TF';
COMMENT ON COLUMN reference.hazard_feature.base_flood_elevation_ft IS 'STATIC_BFE; null where the layer says -9999 [ft]';
COMMENT ON COLUMN reference.hazard_feature.burn_probability IS 'annual burn probability (BP) [per year]';
COMMENT ON COLUMN reference.hazard_feature.wildfire_hazard_class IS 'WHP class: 1 very low to 5 very high, 6 non-burnable, 7 water';
COMMENT ON COLUMN reference.hazard_feature.heat_wave_rate IS 'heat waves a year (HWAV_AFREQ) [per year]';
COMMENT ON COLUMN reference.hazard_feature.warming_c IS 'warming since 1895 [degrees C]';
COMMENT ON COLUMN reference.hazard_feature.peak_ground_acceleration_g IS 'design peak ground acceleration (pgam) [g]';
COMMENT ON COLUMN reference.hazard_feature.seismic_design_category IS 'ASCE 7-22 seismic design category';
GRANT SELECT, INSERT ON reference.hazard_feature TO estate_pipeline;
GRANT SELECT ON reference.hazard_feature TO estate_api;

CREATE TABLE hazard.exposure (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  flood_zone text,
  flood_zone_subtype text,
  is_in_sfha boolean,
  base_flood_elevation_ft double precision,
  flood_probability_30y double precision,
  flood_score double precision,
  flood_layer_id integer,
  flood_feature_row integer,
  burn_probability double precision,
  wildfire_hazard_class smallint,
  wildfire_probability_30y double precision,
  wildfire_score double precision,
  wildfire_layer_id integer,
  wildfire_feature_row integer,
  heat_wave_rate double precision,
  warming_c double precision,
  heat_probability_30y double precision,
  heat_score double precision,
  heat_layer_id integer,
  heat_feature_row integer,
  peak_ground_acceleration_g double precision,
  seismic_design_category text,
  seismic_probability_30y double precision,
  seismic_score double precision,
  seismic_layer_id integer,
  seismic_feature_row integer,
  composite_low double precision NOT NULL,
  composite_high double precision NOT NULL,
  unknown_hazards text[] NOT NULL,
  uses_synthetic_layer boolean NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, superseded_at)
);
COMMENT ON TABLE hazard.exposure IS 'the hazards of one property';
COMMENT ON COLUMN hazard.exposure.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN hazard.exposure.property_id IS 'property';
COMMENT ON COLUMN hazard.exposure.flood_zone IS 'FEMA flood zone; null where no polygon maps the ground';
COMMENT ON COLUMN hazard.exposure.flood_zone_subtype IS 'FEMA zone subtype';
COMMENT ON COLUMN hazard.exposure.is_in_sfha IS 'inside the Special Flood Hazard Area; null = unmapped or undetermined';
COMMENT ON COLUMN hazard.exposure.base_flood_elevation_ft IS 'static base flood elevation [ft]';
COMMENT ON COLUMN hazard.exposure.flood_probability_30y IS 'chance of at least one damaging flood event in 30 years; null = unknown [0-1]';
COMMENT ON COLUMN hazard.exposure.flood_score IS 'severity-weighted score; null = unknown, never zero for want of data [0-1]';
COMMENT ON COLUMN hazard.exposure.flood_layer_id IS 'layer version read';
COMMENT ON COLUMN hazard.exposure.flood_feature_row IS 'feature of that layer''s file that decided';
COMMENT ON COLUMN hazard.exposure.burn_probability IS 'annual burn probability [per year]';
COMMENT ON COLUMN hazard.exposure.wildfire_hazard_class IS 'WHP class 1 to 7';
COMMENT ON COLUMN hazard.exposure.wildfire_probability_30y IS 'chance of at least one damaging wildfire event in 30 years; null = unknown [0-1]';
COMMENT ON COLUMN hazard.exposure.wildfire_score IS 'severity-weighted score; null = unknown, never zero for want of data [0-1]';
COMMENT ON COLUMN hazard.exposure.wildfire_layer_id IS 'layer version read';
COMMENT ON COLUMN hazard.exposure.wildfire_feature_row IS 'feature of that layer''s file that decided';
COMMENT ON COLUMN hazard.exposure.heat_wave_rate IS 'heat waves a year [per year]';
COMMENT ON COLUMN hazard.exposure.warming_c IS 'warming since 1895 [degrees C]';
COMMENT ON COLUMN hazard.exposure.heat_probability_30y IS 'chance of at least one damaging heat event in 30 years; null = unknown [0-1]';
COMMENT ON COLUMN hazard.exposure.heat_score IS 'severity-weighted score; null = unknown, never zero for want of data [0-1]';
COMMENT ON COLUMN hazard.exposure.heat_layer_id IS 'layer version read';
COMMENT ON COLUMN hazard.exposure.heat_feature_row IS 'feature of that layer''s file that decided';
COMMENT ON COLUMN hazard.exposure.peak_ground_acceleration_g IS 'design peak ground acceleration [g]';
COMMENT ON COLUMN hazard.exposure.seismic_design_category IS 'ASCE 7-22 seismic design category';
COMMENT ON COLUMN hazard.exposure.seismic_probability_30y IS 'chance of at least one damaging seismic event in 30 years; null = unknown [0-1]';
COMMENT ON COLUMN hazard.exposure.seismic_score IS 'severity-weighted score; null = unknown, never zero for want of data [0-1]';
COMMENT ON COLUMN hazard.exposure.seismic_layer_id IS 'layer version read';
COMMENT ON COLUMN hazard.exposure.seismic_feature_row IS 'feature of that layer''s file that decided';
COMMENT ON COLUMN hazard.exposure.composite_low IS 'composite score with every unknown hazard taken as 0 [0-1]';
COMMENT ON COLUMN hazard.exposure.composite_high IS 'composite score with every unknown hazard taken as 1 [0-1]';
COMMENT ON COLUMN hazard.exposure.unknown_hazards IS 'hazards no layer speaks of at this place';
COMMENT ON COLUMN hazard.exposure.uses_synthetic_layer IS 'a layer made for demonstration took part';
COMMENT ON COLUMN hazard.exposure.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN hazard.exposure.published_at IS 'from when this version holds';
COMMENT ON COLUMN hazard.exposure.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE hazard.exposure ENABLE ROW LEVEL SECURITY;
ALTER TABLE hazard.exposure FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON hazard.exposure
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON hazard.exposure TO estate_pipeline;
GRANT UPDATE (superseded_at) ON hazard.exposure TO estate_pipeline;
GRANT SELECT ON hazard.exposure TO estate_api;
