-- Every table of the contracts: comments, keys, forced row-level security, grants.
CREATE TABLE platform.tenant (
  tenant_id uuid NOT NULL,
  tenant_slug text NOT NULL,
  tenant_name text NOT NULL,
  PRIMARY KEY (tenant_id)
);
COMMENT ON TABLE platform.tenant IS 'one tenant';
COMMENT ON COLUMN platform.tenant.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN platform.tenant.tenant_slug IS 'short name, used in paths and run names';
COMMENT ON COLUMN platform.tenant.tenant_name IS 'name for people';
ALTER TABLE platform.tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON platform.tenant
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT ON platform.tenant TO estate_pipeline;
GRANT SELECT ON platform.tenant TO estate_api;

CREATE TABLE ingest.landing (
  tenant_id uuid NOT NULL,
  landing_id uuid NOT NULL,
  source_name text NOT NULL,
  file_name text NOT NULL,
  snapshot_sha256 text,
  byte_count bigint,
  outcome text NOT NULL,
  reason text,
  remedy text,
  vintage_date date,
  row_count integer,
  column_jaccard double precision,
  drift jsonb,
  object_key text,
  run_id text NOT NULL,
  landed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, landing_id)
);
CREATE INDEX landing_landed_at_idx ON ingest.landing (tenant_id, landed_at);
COMMENT ON TABLE ingest.landing IS 'one attempt to land a file, good or bad';
COMMENT ON COLUMN ingest.landing.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN ingest.landing.landing_id IS 'this attempt';
COMMENT ON COLUMN ingest.landing.source_name IS 'declared source the file was offered as';
COMMENT ON COLUMN ingest.landing.file_name IS 'name of the file as offered';
COMMENT ON COLUMN ingest.landing.snapshot_sha256 IS 'SHA-256 of the bytes; null when there were none to read';
COMMENT ON COLUMN ingest.landing.byte_count IS 'size of the file [bytes]';
COMMENT ON COLUMN ingest.landing.outcome IS 'landed, already_landed, refused or failed';
COMMENT ON COLUMN ingest.landing.reason IS 'why it was refused, naming file, row and field';
COMMENT ON COLUMN ingest.landing.remedy IS 'what to do about it';
COMMENT ON COLUMN ingest.landing.vintage_date IS 'the day the data stands for';
COMMENT ON COLUMN ingest.landing.row_count IS 'data rows found [rows]';
COMMENT ON COLUMN ingest.landing.column_jaccard IS 'overlap of found and declared columns, 0 to 1';
COMMENT ON COLUMN ingest.landing.drift IS 'columns missing, added, renamed or changed in type';
COMMENT ON COLUMN ingest.landing.object_key IS 'where the snapshot lies in the object store';
COMMENT ON COLUMN ingest.landing.run_id IS 'Airflow run that tried';
COMMENT ON COLUMN ingest.landing.landed_at IS 'when';
ALTER TABLE ingest.landing ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.landing FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON ingest.landing
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON ingest.landing TO estate_pipeline;
GRANT SELECT ON ingest.landing TO estate_api;

CREATE TABLE ingest.snapshot (
  tenant_id uuid NOT NULL,
  snapshot_id integer NOT NULL,
  source_name text NOT NULL,
  file_name text NOT NULL,
  snapshot_sha256 text NOT NULL,
  object_key text NOT NULL,
  batch_id text NOT NULL,
  vintage_date date NOT NULL,
  header text[] NOT NULL,
  row_count integer NOT NULL,
  landed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, snapshot_id)
);
CREATE INDEX snapshot_source_name_snapshot_sha256_idx ON ingest.snapshot (tenant_id, source_name, snapshot_sha256);
COMMENT ON TABLE ingest.snapshot IS 'one immutable landed file';
COMMENT ON COLUMN ingest.snapshot.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN ingest.snapshot.snapshot_id IS 'number of the snapshot within the tenant';
COMMENT ON COLUMN ingest.snapshot.source_name IS 'declared source';
COMMENT ON COLUMN ingest.snapshot.file_name IS 'name of the file as offered';
COMMENT ON COLUMN ingest.snapshot.snapshot_sha256 IS 'SHA-256 of the bytes';
COMMENT ON COLUMN ingest.snapshot.object_key IS 'where the bytes lie in the object store';
COMMENT ON COLUMN ingest.snapshot.batch_id IS 'batch that this snapshot makes';
COMMENT ON COLUMN ingest.snapshot.vintage_date IS 'the day the data stands for';
COMMENT ON COLUMN ingest.snapshot.header IS 'column names of the file, in order';
COMMENT ON COLUMN ingest.snapshot.row_count IS 'data rows [rows]';
COMMENT ON COLUMN ingest.snapshot.landed_at IS 'when';
ALTER TABLE ingest.snapshot ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.snapshot FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON ingest.snapshot
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON ingest.snapshot TO estate_pipeline;
GRANT SELECT ON ingest.snapshot TO estate_api;

CREATE TABLE ingest.raw_chunk (
  tenant_id uuid NOT NULL,
  snapshot_id integer NOT NULL,
  first_row integer NOT NULL,
  rows jsonb NOT NULL,
  PRIMARY KEY (tenant_id, snapshot_id, first_row)
);
COMMENT ON TABLE ingest.raw_chunk IS 'a run of consecutive raw rows of one snapshot, exactly as the file wrote them';
COMMENT ON COLUMN ingest.raw_chunk.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN ingest.raw_chunk.snapshot_id IS 'snapshot the rows belong to';
COMMENT ON COLUMN ingest.raw_chunk.first_row IS 'row number of the first row in the chunk (the first data row is 1)';
COMMENT ON COLUMN ingest.raw_chunk.rows IS 'array of rows, each an array of texts in the order of the snapshot''s header';
ALTER TABLE ingest.raw_chunk ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.raw_chunk FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON ingest.raw_chunk
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON ingest.raw_chunk TO estate_pipeline;
GRANT SELECT ON ingest.raw_chunk TO estate_api;

CREATE TABLE ingest.record (
  tenant_id uuid NOT NULL,
  source_name text NOT NULL,
  record_key text NOT NULL,
  snapshot_id integer NOT NULL,
  row_number integer NOT NULL,
  vintage_date date NOT NULL,
  property_key text NOT NULL,
  county_fips text,
  apn_raw text,
  apn text,
  latitude double precision,
  longitude double precision,
  parcel_geom geometry(MultiPolygon,4326),
  situs_raw text,
  situs_city text,
  situs_state text,
  situs_zip text,
  owner_name text,
  mailing_address text,
  property_type text,
  living_area_sqft double precision,
  lot_area_sqft double precision,
  basement_area_sqft double precision,
  year_built smallint,
  year_renovated smallint,
  bedroom_count double precision,
  bathroom_count double precision,
  story_count double precision,
  garage_space_count double precision,
  condition_code smallint,
  quality_code smallint,
  assessed_value_usd numeric(14,2),
  list_price_usd numeric(14,2),
  list_date date,
  sale_price_usd numeric(14,2),
  sale_date date,
  recording_date date,
  document_number text,
  sale_qualification text,
  seller_name text,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, source_name, record_key, superseded_at)
);
CREATE INDEX record_property_key_idx ON ingest.record (tenant_id, property_key) WHERE superseded_at = 'infinity';
COMMENT ON TABLE ingest.record IS 'one row of one source, in canonical columns and units';
COMMENT ON COLUMN ingest.record.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN ingest.record.source_name IS 'declared source';
COMMENT ON COLUMN ingest.record.record_key IS 'the source''s own natural key for the row';
COMMENT ON COLUMN ingest.record.snapshot_id IS 'snapshot the row was read from';
COMMENT ON COLUMN ingest.record.row_number IS 'position of the row in that file (the first data row is 1)';
COMMENT ON COLUMN ingest.record.vintage_date IS 'the day the file stands for';
COMMENT ON COLUMN ingest.record.property_key IS 'what the row is about: county and parcel number, or the source''s own key';
COMMENT ON COLUMN ingest.record.county_fips IS 'county, 5 digits';
COMMENT ON COLUMN ingest.record.apn_raw IS 'assessor''s parcel number as received';
COMMENT ON COLUMN ingest.record.apn IS 'assessor''s parcel number in the county''s own form';
COMMENT ON COLUMN ingest.record.latitude IS 'WGS 84 [degrees]';
COMMENT ON COLUMN ingest.record.longitude IS 'WGS 84 [degrees]';
COMMENT ON COLUMN ingest.record.parcel_geom IS 'parcel outline';
COMMENT ON COLUMN ingest.record.situs_raw IS 'situs address as received';
COMMENT ON COLUMN ingest.record.situs_city IS 'city as received';
COMMENT ON COLUMN ingest.record.situs_state IS 'two letters';
COMMENT ON COLUMN ingest.record.situs_zip IS '5-digit ZIP';
COMMENT ON COLUMN ingest.record.owner_name IS 'owner as received (personal data)';
COMMENT ON COLUMN ingest.record.mailing_address IS 'where the bill goes (personal data)';
COMMENT ON COLUMN ingest.record.property_type IS 'single_family, townhouse, condo, multi_family, mobile_home, land, commercial or other';
COMMENT ON COLUMN ingest.record.living_area_sqft IS 'finished area above grade and below where the source counts it [sqft]';
COMMENT ON COLUMN ingest.record.lot_area_sqft IS 'land area [sqft]';
COMMENT ON COLUMN ingest.record.basement_area_sqft IS 'basement area [sqft]';
COMMENT ON COLUMN ingest.record.year_built IS 'year of construction [year]';
COMMENT ON COLUMN ingest.record.year_renovated IS 'year of the last renovation; null when never or unknown [year]';
COMMENT ON COLUMN ingest.record.bedroom_count IS 'bedrooms [rooms]';
COMMENT ON COLUMN ingest.record.bathroom_count IS 'bathrooms; half baths count 0.5 [rooms]';
COMMENT ON COLUMN ingest.record.story_count IS 'stories [stories]';
COMMENT ON COLUMN ingest.record.garage_space_count IS 'garage spaces [cars]';
COMMENT ON COLUMN ingest.record.condition_code IS 'condition, 1 poor to 5 excellent';
COMMENT ON COLUMN ingest.record.quality_code IS 'quality of construction, 1 low to 13 luxury';
COMMENT ON COLUMN ingest.record.assessed_value_usd IS 'assessor''s total value [usd]';
COMMENT ON COLUMN ingest.record.list_price_usd IS 'asked [usd]';
COMMENT ON COLUMN ingest.record.list_date IS 'when it was listed';
COMMENT ON COLUMN ingest.record.sale_price_usd IS 'consideration [usd]';
COMMENT ON COLUMN ingest.record.sale_date IS 'closing';
COMMENT ON COLUMN ingest.record.recording_date IS 'recorded';
COMMENT ON COLUMN ingest.record.document_number IS 'recorded instrument';
COMMENT ON COLUMN ingest.record.sale_qualification IS 'the source''s own word on whether the sale is arm''s length';
COMMENT ON COLUMN ingest.record.seller_name IS 'grantor as received (personal data)';
COMMENT ON COLUMN ingest.record.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN ingest.record.published_at IS 'from when this version holds';
COMMENT ON COLUMN ingest.record.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE ingest.record ENABLE ROW LEVEL SECURITY;
ALTER TABLE ingest.record FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON ingest.record
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON ingest.record TO estate_pipeline;
GRANT UPDATE (superseded_at) ON ingest.record TO estate_pipeline;
GRANT SELECT ON ingest.record TO estate_api;

CREATE TABLE normalize.property (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  snapshot_ids integer[] NOT NULL,
  row_numbers integer[] NOT NULL,
  derivation_id integer NOT NULL,
  property_key text NOT NULL,
  county_fips text,
  apn text,
  apn_raw text,
  situs_raw text,
  situs_address text,
  situs_number text,
  situs_street text,
  situs_unit text,
  situs_confidence double precision,
  situs_flags text[],
  situs_city text,
  situs_state text,
  situs_zip text,
  latitude double precision,
  longitude double precision,
  cell bigint,
  parcel_geom geometry(MultiPolygon,4326),
  owner_name text,
  mailing_address text,
  property_type text,
  living_area_sqft double precision,
  lot_area_sqft double precision,
  basement_area_sqft double precision,
  year_built smallint,
  year_renovated smallint,
  bedroom_count double precision,
  bathroom_count double precision,
  story_count double precision,
  garage_space_count double precision,
  condition_code smallint,
  quality_code smallint,
  assessed_value_usd numeric(14,2),
  list_price_usd numeric(14,2),
  list_date date,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, superseded_at)
);
CREATE INDEX property_cell_idx ON normalize.property (tenant_id, cell) WHERE superseded_at = 'infinity';
COMMENT ON TABLE normalize.property IS 'one property of one tenant';
COMMENT ON COLUMN normalize.property.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN normalize.property.property_id IS 'derived from tenant and property key';
COMMENT ON COLUMN normalize.property.snapshot_ids IS 'snapshots that support the row';
COMMENT ON COLUMN normalize.property.row_numbers IS 'row in each of those snapshots';
COMMENT ON COLUMN normalize.property.derivation_id IS 'which record and which rules made each field (provenance.derivation)';
COMMENT ON COLUMN normalize.property.property_key IS 'natural key';
COMMENT ON COLUMN normalize.property.county_fips IS 'county, 5 digits';
COMMENT ON COLUMN normalize.property.apn IS 'assessor''s parcel number';
COMMENT ON COLUMN normalize.property.apn_raw IS 'assessor''s parcel number as received';
COMMENT ON COLUMN normalize.property.situs_raw IS 'situs address as received';
COMMENT ON COLUMN normalize.property.situs_address IS 'standardised delivery line (USPS Publication 28)';
COMMENT ON COLUMN normalize.property.situs_number IS 'primary address number';
COMMENT ON COLUMN normalize.property.situs_street IS 'street with directionals and suffix, standardised';
COMMENT ON COLUMN normalize.property.situs_unit IS 'secondary unit designator and number';
COMMENT ON COLUMN normalize.property.situs_confidence IS '0 to 1: how sure the parse is';
COMMENT ON COLUMN normalize.property.situs_flags IS 'what a reviewer should look at; nothing flagged is rewritten';
COMMENT ON COLUMN normalize.property.situs_city IS 'city';
COMMENT ON COLUMN normalize.property.situs_state IS 'two letters';
COMMENT ON COLUMN normalize.property.situs_zip IS '5-digit ZIP';
COMMENT ON COLUMN normalize.property.latitude IS 'WGS 84 [degrees]';
COMMENT ON COLUMN normalize.property.longitude IS 'WGS 84 [degrees]';
COMMENT ON COLUMN normalize.property.cell IS 'grid cell of 0.01 degrees, the index that row-level security can use';
COMMENT ON COLUMN normalize.property.parcel_geom IS 'parcel outline, valid';
COMMENT ON COLUMN normalize.property.owner_name IS 'owner as received (personal data)';
COMMENT ON COLUMN normalize.property.mailing_address IS 'where the bill goes (personal data)';
COMMENT ON COLUMN normalize.property.property_type IS 'single_family, townhouse, condo, multi_family, mobile_home, land, commercial or other';
COMMENT ON COLUMN normalize.property.living_area_sqft IS 'living area [sqft]';
COMMENT ON COLUMN normalize.property.lot_area_sqft IS 'land area [sqft]';
COMMENT ON COLUMN normalize.property.basement_area_sqft IS 'basement area [sqft]';
COMMENT ON COLUMN normalize.property.year_built IS 'year of construction [year]';
COMMENT ON COLUMN normalize.property.year_renovated IS 'year of the last renovation [year]';
COMMENT ON COLUMN normalize.property.bedroom_count IS 'bedrooms [rooms]';
COMMENT ON COLUMN normalize.property.bathroom_count IS 'bathrooms; half baths count 0.5 [rooms]';
COMMENT ON COLUMN normalize.property.story_count IS 'stories [stories]';
COMMENT ON COLUMN normalize.property.garage_space_count IS 'garage spaces [cars]';
COMMENT ON COLUMN normalize.property.condition_code IS 'condition, 1 poor to 5 excellent';
COMMENT ON COLUMN normalize.property.quality_code IS 'quality of construction, 1 low to 13 luxury';
COMMENT ON COLUMN normalize.property.assessed_value_usd IS 'assessor''s total value [usd]';
COMMENT ON COLUMN normalize.property.list_price_usd IS 'asked [usd]';
COMMENT ON COLUMN normalize.property.list_date IS 'when it was listed';
COMMENT ON COLUMN normalize.property.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN normalize.property.published_at IS 'from when this version holds';
COMMENT ON COLUMN normalize.property.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE normalize.property ENABLE ROW LEVEL SECURITY;
ALTER TABLE normalize.property FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON normalize.property
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON normalize.property TO estate_pipeline;
GRANT UPDATE (superseded_at) ON normalize.property TO estate_pipeline;
GRANT SELECT ON normalize.property TO estate_api;

CREATE TABLE normalize.sale (
  tenant_id uuid NOT NULL,
  sale_id uuid NOT NULL,
  snapshot_id integer NOT NULL,
  row_number integer NOT NULL,
  source_name text NOT NULL,
  property_id uuid NOT NULL,
  sale_price_usd numeric(14,2),
  sale_date date,
  recording_date date,
  document_number text,
  is_arms_length boolean NOT NULL,
  exclusion_reasons text[] NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, sale_id, superseded_at)
);
CREATE INDEX sale_property_id_idx ON normalize.sale (tenant_id, property_id) WHERE superseded_at = 'infinity';
COMMENT ON TABLE normalize.sale IS 'one sale of one property';
COMMENT ON COLUMN normalize.sale.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN normalize.sale.sale_id IS 'derived from property, date, price and instrument';
COMMENT ON COLUMN normalize.sale.snapshot_id IS 'snapshot the sale was read from';
COMMENT ON COLUMN normalize.sale.row_number IS 'row in that snapshot';
COMMENT ON COLUMN normalize.sale.source_name IS 'declared source';
COMMENT ON COLUMN normalize.sale.property_id IS 'property sold';
COMMENT ON COLUMN normalize.sale.sale_price_usd IS 'consideration [usd]';
COMMENT ON COLUMN normalize.sale.sale_date IS 'closing';
COMMENT ON COLUMN normalize.sale.recording_date IS 'recorded';
COMMENT ON COLUMN normalize.sale.document_number IS 'recorded instrument';
COMMENT ON COLUMN normalize.sale.is_arms_length IS 'valid for a ratio study';
COMMENT ON COLUMN normalize.sale.exclusion_reasons IS 'why it is not, at most three';
COMMENT ON COLUMN normalize.sale.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN normalize.sale.published_at IS 'from when this version holds';
COMMENT ON COLUMN normalize.sale.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE normalize.sale ENABLE ROW LEVEL SECURITY;
ALTER TABLE normalize.sale FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON normalize.sale
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON normalize.sale TO estate_pipeline;
GRANT UPDATE (superseded_at) ON normalize.sale TO estate_pipeline;
GRANT SELECT ON normalize.sale TO estate_api;

CREATE TABLE normalize.conflict (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  field_name text NOT NULL,
  source_name text NOT NULL,
  record_key text NOT NULL,
  snapshot_id integer NOT NULL,
  row_number integer NOT NULL,
  losing_value text NOT NULL,
  winning_source_name text NOT NULL,
  winning_value text NOT NULL,
  rule text NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, field_name, source_name, record_key, superseded_at)
);
COMMENT ON TABLE normalize.conflict IS 'one value that lost to another source''s or another row''s';
COMMENT ON COLUMN normalize.conflict.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN normalize.conflict.property_id IS 'property concerned';
COMMENT ON COLUMN normalize.conflict.field_name IS 'field of normalize.property';
COMMENT ON COLUMN normalize.conflict.source_name IS 'source whose value lost';
COMMENT ON COLUMN normalize.conflict.record_key IS 'record that said it';
COMMENT ON COLUMN normalize.conflict.snapshot_id IS 'snapshot of the losing record';
COMMENT ON COLUMN normalize.conflict.row_number IS 'row in that snapshot';
COMMENT ON COLUMN normalize.conflict.losing_value IS 'what it said';
COMMENT ON COLUMN normalize.conflict.winning_source_name IS 'source that won';
COMMENT ON COLUMN normalize.conflict.winning_value IS 'what won';
COMMENT ON COLUMN normalize.conflict.rule IS 'rule of precedence that decided';
COMMENT ON COLUMN normalize.conflict.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN normalize.conflict.published_at IS 'from when this version holds';
COMMENT ON COLUMN normalize.conflict.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE normalize.conflict ENABLE ROW LEVEL SECURITY;
ALTER TABLE normalize.conflict FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON normalize.conflict
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON normalize.conflict TO estate_pipeline;
GRANT UPDATE (superseded_at) ON normalize.conflict TO estate_pipeline;
GRANT SELECT ON normalize.conflict TO estate_api;

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

CREATE TABLE score.valuation (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  valuation_date date NOT NULL,
  estimated_value_usd numeric(14,2),
  value_low_usd numeric(14,2),
  value_high_usd numeric(14,2),
  interval_level double precision NOT NULL,
  fsd double precision,
  confidence double precision,
  comparable_count smallint NOT NULL,
  refusal_reason text,
  method text NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, superseded_at)
);
COMMENT ON TABLE score.valuation IS 'the value of one property at one valuation date';
COMMENT ON COLUMN score.valuation.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.valuation.property_id IS 'property';
COMMENT ON COLUMN score.valuation.valuation_date IS 'the day the value stands for';
COMMENT ON COLUMN score.valuation.estimated_value_usd IS 'value; null when refused [usd]';
COMMENT ON COLUMN score.valuation.value_low_usd IS 'lower end of the interval [usd]';
COMMENT ON COLUMN score.valuation.value_high_usd IS 'upper end of the interval [usd]';
COMMENT ON COLUMN score.valuation.interval_level IS 'share of sales that such intervals are meant to hold [0-1]';
COMMENT ON COLUMN score.valuation.fsd IS 'forecast standard deviation: expected error as a fraction of the value [fraction]';
COMMENT ON COLUMN score.valuation.confidence IS '0 to 1; below the stated floor the value is refused [0-1]';
COMMENT ON COLUMN score.valuation.comparable_count IS 'comparables that carry the value [sales]';
COMMENT ON COLUMN score.valuation.refusal_reason IS 'why no value is given';
COMMENT ON COLUMN score.valuation.method IS 'method and its version';
COMMENT ON COLUMN score.valuation.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN score.valuation.published_at IS 'from when this version holds';
COMMENT ON COLUMN score.valuation.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE score.valuation ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.valuation FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.valuation
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.valuation TO estate_pipeline;
GRANT UPDATE (superseded_at) ON score.valuation TO estate_pipeline;
GRANT SELECT ON score.valuation TO estate_api;

CREATE TABLE score.comparable (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  comparable_rank smallint NOT NULL,
  sale_id uuid NOT NULL,
  weight double precision NOT NULL,
  distance_m double precision NOT NULL,
  sale_age_days integer NOT NULL,
  sale_price_usd numeric(14,2) NOT NULL,
  living_area_adjustment_usd numeric(14,2) NOT NULL,
  lot_area_adjustment_usd numeric(14,2) NOT NULL,
  year_built_adjustment_usd numeric(14,2) NOT NULL,
  bedroom_adjustment_usd numeric(14,2) NOT NULL,
  bathroom_adjustment_usd numeric(14,2) NOT NULL,
  condition_adjustment_usd numeric(14,2) NOT NULL,
  quality_adjustment_usd numeric(14,2) NOT NULL,
  adjusted_price_usd numeric(14,2) NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, comparable_rank, superseded_at)
);
COMMENT ON TABLE score.comparable IS 'one comparable sale of one valued property';
COMMENT ON COLUMN score.comparable.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.comparable.property_id IS 'property valued';
COMMENT ON COLUMN score.comparable.comparable_rank IS '1 is the heaviest';
COMMENT ON COLUMN score.comparable.sale_id IS 'sale compared with';
COMMENT ON COLUMN score.comparable.weight IS 'share in the value; weights of a property sum to 1 [0-1]';
COMMENT ON COLUMN score.comparable.distance_m IS 'distance to the subject [m]';
COMMENT ON COLUMN score.comparable.sale_age_days IS 'days from sale to valuation date [days]';
COMMENT ON COLUMN score.comparable.sale_price_usd IS 'price before adjustment [usd]';
COMMENT ON COLUMN score.comparable.living_area_adjustment_usd IS 'step of the waterfall [usd]';
COMMENT ON COLUMN score.comparable.lot_area_adjustment_usd IS 'step of the waterfall [usd]';
COMMENT ON COLUMN score.comparable.year_built_adjustment_usd IS 'step of the waterfall [usd]';
COMMENT ON COLUMN score.comparable.bedroom_adjustment_usd IS 'step of the waterfall [usd]';
COMMENT ON COLUMN score.comparable.bathroom_adjustment_usd IS 'step of the waterfall [usd]';
COMMENT ON COLUMN score.comparable.condition_adjustment_usd IS 'step of the waterfall [usd]';
COMMENT ON COLUMN score.comparable.quality_adjustment_usd IS 'step of the waterfall [usd]';
COMMENT ON COLUMN score.comparable.adjusted_price_usd IS 'price plus every step, to the cent [usd]';
COMMENT ON COLUMN score.comparable.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN score.comparable.published_at IS 'from when this version holds';
COMMENT ON COLUMN score.comparable.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE score.comparable ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.comparable FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.comparable
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.comparable TO estate_pipeline;
GRANT UPDATE (superseded_at) ON score.comparable TO estate_pipeline;
GRANT SELECT ON score.comparable TO estate_api;

CREATE TABLE score.risk (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  risk_score_low double precision NOT NULL,
  risk_score_high double precision NOT NULL,
  risk_class text NOT NULL,
  dominant_hazard text,
  unknown_hazard_count smallint NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, superseded_at)
);
COMMENT ON TABLE score.risk IS 'the hazard risk of one property';
COMMENT ON COLUMN score.risk.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.risk.property_id IS 'property';
COMMENT ON COLUMN score.risk.risk_score_low IS 'risk with unknown hazards taken as absent [0-100]';
COMMENT ON COLUMN score.risk.risk_score_high IS 'risk with unknown hazards taken as certain [0-100]';
COMMENT ON COLUMN score.risk.risk_class IS 'low, moderate, high, very_high; undetermined where the interval spans more than one';
COMMENT ON COLUMN score.risk.dominant_hazard IS 'known hazard with the largest weighted score';
COMMENT ON COLUMN score.risk.unknown_hazard_count IS 'hazards not known here [hazards]';
COMMENT ON COLUMN score.risk.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN score.risk.published_at IS 'from when this version holds';
COMMENT ON COLUMN score.risk.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE score.risk ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.risk FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.risk
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.risk TO estate_pipeline;
GRANT UPDATE (superseded_at) ON score.risk TO estate_pipeline;
GRANT SELECT ON score.risk TO estate_api;

CREATE TABLE provenance.trust (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  property_trust double precision NOT NULL,
  field_trust_pct smallint[] NOT NULL,
  confirmed_vintage_date date NOT NULL,
  traced_field_count smallint NOT NULL,
  untraced_field_count smallint NOT NULL,
  untraced_fields text[] NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, superseded_at)
);
COMMENT ON TABLE provenance.trust IS 'the trust in one property''s data, field by field';
COMMENT ON COLUMN provenance.trust.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.trust.property_id IS 'property';
COMMENT ON COLUMN provenance.trust.property_trust IS 'weakest-link-aware mean over the fields [0-1]';
COMMENT ON COLUMN provenance.trust.field_trust_pct IS 'trust of each traced field, in the order of provenance.trust.TRACED_FIELDS; null where the field is null [0-100]';
COMMENT ON COLUMN provenance.trust.confirmed_vintage_date IS 'newest vintage of a source that still says so';
COMMENT ON COLUMN provenance.trust.traced_field_count IS 'fields with a value and a source row [fields]';
COMMENT ON COLUMN provenance.trust.untraced_field_count IS 'fields with a value and no source row; the gate refuses any [fields]';
COMMENT ON COLUMN provenance.trust.untraced_fields IS 'their names';
COMMENT ON COLUMN provenance.trust.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN provenance.trust.published_at IS 'from when this version holds';
COMMENT ON COLUMN provenance.trust.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE provenance.trust ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.trust FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.trust
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.trust TO estate_pipeline;
GRANT UPDATE (superseded_at) ON provenance.trust TO estate_pipeline;
GRANT SELECT ON provenance.trust TO estate_api;

CREATE TABLE provenance.publication (
  tenant_id uuid NOT NULL,
  publication_id bigint NOT NULL,
  table_name text NOT NULL,
  partition_name text NOT NULL,
  batch_id text NOT NULL,
  input_sha256 text NOT NULL,
  vintage_date date NOT NULL,
  verdict_id uuid NOT NULL,
  run_id text NOT NULL,
  code_version text NOT NULL,
  rows_in integer NOT NULL,
  rows_published integer NOT NULL,
  rows_closed integer NOT NULL,
  rows_unchanged integer NOT NULL,
  rows_quarantined integer NOT NULL,
  read_at timestamptz NOT NULL,
  published_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, publication_id)
);
CREATE INDEX publication_table_name_partition_name_publication_id_idx ON provenance.publication (tenant_id, table_name, partition_name, publication_id);
CREATE INDEX publication_batch_id_idx ON provenance.publication (tenant_id, batch_id);
COMMENT ON TABLE provenance.publication IS 'one publication of one partition of one table: the ledger';
COMMENT ON COLUMN provenance.publication.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.publication.publication_id IS 'number of the publication within the tenant';
COMMENT ON COLUMN provenance.publication.table_name IS 'table published';
COMMENT ON COLUMN provenance.publication.partition_name IS 'partition of the table';
COMMENT ON COLUMN provenance.publication.batch_id IS 'batch';
COMMENT ON COLUMN provenance.publication.input_sha256 IS 'SHA-256 of the judged frame';
COMMENT ON COLUMN provenance.publication.vintage_date IS 'the day the batch stands for';
COMMENT ON COLUMN provenance.publication.verdict_id IS 'gate verdict that let it through';
COMMENT ON COLUMN provenance.publication.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN provenance.publication.code_version IS 'version of the code that built it';
COMMENT ON COLUMN provenance.publication.rows_in IS 'rows that entered the stage [rows]';
COMMENT ON COLUMN provenance.publication.rows_published IS 'new versions [rows]';
COMMENT ON COLUMN provenance.publication.rows_closed IS 'versions closed [rows]';
COMMENT ON COLUMN provenance.publication.rows_unchanged IS 'rows that said nothing new [rows]';
COMMENT ON COLUMN provenance.publication.rows_quarantined IS 'rows kept back [rows]';
COMMENT ON COLUMN provenance.publication.read_at IS 'when the build read its inputs; of two builds of one row the later reader wins';
COMMENT ON COLUMN provenance.publication.published_at IS 'when';
ALTER TABLE provenance.publication ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.publication FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.publication
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.publication TO estate_pipeline;
GRANT UPDATE (rows_published, rows_closed, rows_unchanged) ON provenance.publication TO estate_pipeline;
GRANT SELECT ON provenance.publication TO estate_api;

CREATE TABLE provenance.verdict (
  tenant_id uuid NOT NULL,
  verdict_id uuid NOT NULL,
  batch_id text NOT NULL,
  table_name text NOT NULL,
  is_passed boolean NOT NULL,
  rows_in integer NOT NULL,
  rows_quarantined integer NOT NULL,
  expectation_count integer NOT NULL,
  failures jsonb NOT NULL,
  suite_sha256 text NOT NULL,
  judged_sha256 text,
  docs_key text,
  run_id text NOT NULL,
  judged_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, verdict_id)
);
CREATE INDEX verdict_batch_id_idx ON provenance.verdict (tenant_id, batch_id);
COMMENT ON TABLE provenance.verdict IS 'one judgement of one staged table of one batch';
COMMENT ON COLUMN provenance.verdict.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.verdict.verdict_id IS 'verdict';
COMMENT ON COLUMN provenance.verdict.batch_id IS 'batch';
COMMENT ON COLUMN provenance.verdict.table_name IS 'table judged';
COMMENT ON COLUMN provenance.verdict.is_passed IS 'whether it may be published';
COMMENT ON COLUMN provenance.verdict.rows_in IS 'rows judged [rows]';
COMMENT ON COLUMN provenance.verdict.rows_quarantined IS 'rows kept back [rows]';
COMMENT ON COLUMN provenance.verdict.expectation_count IS 'expectations run';
COMMENT ON COLUMN provenance.verdict.failures IS 'each failed expectation with column, rows, severity and reason';
COMMENT ON COLUMN provenance.verdict.suite_sha256 IS 'SHA-256 of the suite';
COMMENT ON COLUMN provenance.verdict.judged_sha256 IS 'SHA-256 of the rows let through; only exactly these may be published';
COMMENT ON COLUMN provenance.verdict.docs_key IS 'page of the Data Docs';
COMMENT ON COLUMN provenance.verdict.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN provenance.verdict.judged_at IS 'when';
ALTER TABLE provenance.verdict ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.verdict FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.verdict
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.verdict TO estate_pipeline;
GRANT SELECT ON provenance.verdict TO estate_api;

CREATE TABLE provenance.quarantine (
  tenant_id uuid NOT NULL,
  quarantine_id uuid NOT NULL,
  batch_id text NOT NULL,
  table_name text NOT NULL,
  row_key text NOT NULL,
  row_number integer,
  raw_row jsonb NOT NULL,
  expectation text NOT NULL,
  field_name text,
  reason text NOT NULL,
  run_id text NOT NULL,
  quarantined_at timestamptz NOT NULL,
  resolved_at timestamptz,
  PRIMARY KEY (tenant_id, quarantine_id)
);
CREATE INDEX quarantine_batch_id_idx ON provenance.quarantine (tenant_id, batch_id);
COMMENT ON TABLE provenance.quarantine IS 'one row kept back by one expectation';
COMMENT ON COLUMN provenance.quarantine.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.quarantine.quarantine_id IS 'derived from batch, table, row and expectation';
COMMENT ON COLUMN provenance.quarantine.batch_id IS 'batch';
COMMENT ON COLUMN provenance.quarantine.table_name IS 'table the row was meant for';
COMMENT ON COLUMN provenance.quarantine.row_key IS 'key of the row';
COMMENT ON COLUMN provenance.quarantine.row_number IS 'row of the source file, where one row made it';
COMMENT ON COLUMN provenance.quarantine.raw_row IS 'the row as it came';
COMMENT ON COLUMN provenance.quarantine.expectation IS 'expectation it broke';
COMMENT ON COLUMN provenance.quarantine.field_name IS 'column concerned';
COMMENT ON COLUMN provenance.quarantine.reason IS 'why the expectation stands';
COMMENT ON COLUMN provenance.quarantine.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN provenance.quarantine.quarantined_at IS 'when';
COMMENT ON COLUMN provenance.quarantine.resolved_at IS 'when a replay published the row; null while it waits';
ALTER TABLE provenance.quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.quarantine FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.quarantine
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.quarantine TO estate_pipeline;
GRANT UPDATE (resolved_at) ON provenance.quarantine TO estate_pipeline;
GRANT SELECT ON provenance.quarantine TO estate_api;

CREATE TABLE provenance.derivation (
  tenant_id uuid NOT NULL,
  derivation_id integer NOT NULL,
  derivation_sha256 text NOT NULL,
  source_names text[] NOT NULL,
  fields jsonb NOT NULL,
  PRIMARY KEY (tenant_id, derivation_id)
);
COMMENT ON TABLE provenance.derivation IS 'one way in which the fields of a property were made; shared by all properties made alike';
COMMENT ON COLUMN provenance.derivation.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.derivation.derivation_id IS 'number of the derivation within the tenant';
COMMENT ON COLUMN provenance.derivation.derivation_sha256 IS 'SHA-256 of the steps';
COMMENT ON COLUMN provenance.derivation.source_names IS 'sources, in the order of the property''s snapshot_ids';
COMMENT ON COLUMN provenance.derivation.fields IS 'per field: ordinal of the record, source columns, rules, how it was made, whether sources agree';
ALTER TABLE provenance.derivation ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.derivation FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.derivation
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.derivation TO estate_pipeline;
GRANT SELECT ON provenance.derivation TO estate_api;
