-- Tables of ingest: what was landed and what each source says. Comments, keys, forced row-level security, grants.
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
