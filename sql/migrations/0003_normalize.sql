-- Tables of normalize: properties, sales and what lost. Comments, keys, forced row-level security, grants.
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
