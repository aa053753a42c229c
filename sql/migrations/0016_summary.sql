-- The table that searches read: one row per property with all that they filter, sort or show, so that a page is one walk along one
-- index instead of four joins. Money is double precision, since the comparisons of numeric are not leakproof and no index on it would
-- serve under row-level security; readers cast it back to numeric(14,2). The partial indexes are of current rows, which is what nearly
-- every search asks for; a past moment is read along the key. Comments, keys, forced row-level security, grants, the gate's trigger.
CREATE TABLE provenance.summary (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  county_fips text,
  apn text,
  situs_address text,
  situs_city text,
  situs_state text,
  situs_zip text,
  latitude double precision,
  longitude double precision,
  cell bigint,
  property_type text,
  living_area_sqft double precision,
  lot_area_sqft double precision,
  year_built smallint,
  bedroom_count double precision,
  bathroom_count double precision,
  condition_code smallint,
  quality_code smallint,
  has_waterfront boolean,
  owner_name text,
  assessed_value_usd double precision,
  list_price_usd double precision,
  last_sale_price_usd double precision,
  last_sale_date date,
  valuation_date date,
  estimated_value_usd double precision,
  value_low_usd double precision,
  value_high_usd double precision,
  confidence double precision,
  confidence_band text,
  refusal_reason text,
  flood_zone text,
  is_in_sfha boolean,
  flood_score double precision,
  wildfire_score double precision,
  heat_score double precision,
  seismic_score double precision,
  composite_low double precision,
  composite_high double precision,
  unknown_hazard_count smallint,
  risk_class text,
  risk_score_low double precision,
  risk_score_high double precision,
  property_trust double precision,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, superseded_at)
);
CREATE INDEX summary_property_id_idx ON provenance.summary (tenant_id, property_id) WHERE superseded_at = 'infinity';
CREATE INDEX summary_cell_idx ON provenance.summary (tenant_id, cell) WHERE superseded_at = 'infinity';
CREATE INDEX summary_situs_zip_property_id_idx ON provenance.summary (tenant_id, situs_zip, property_id) WHERE superseded_at = 'infinity';
CREATE INDEX summary_estimated_value_usd_property_id_idx ON provenance.summary (tenant_id, estimated_value_usd, property_id) WHERE superseded_at = 'infinity';
CREATE INDEX summary_last_sale_date_property_id_idx ON provenance.summary (tenant_id, last_sale_date, property_id) WHERE superseded_at = 'infinity';
CREATE INDEX summary_last_sale_price_usd_property_id_idx ON provenance.summary (tenant_id, last_sale_price_usd, property_id) WHERE superseded_at = 'infinity';
CREATE INDEX summary_living_area_sqft_property_id_idx ON provenance.summary (tenant_id, living_area_sqft, property_id) WHERE superseded_at = 'infinity';
CREATE INDEX summary_year_built_property_id_idx ON provenance.summary (tenant_id, year_built, property_id) WHERE superseded_at = 'infinity';
CREATE INDEX summary_property_trust_property_id_idx ON provenance.summary (tenant_id, property_trust, property_id) WHERE superseded_at = 'infinity';
CREATE INDEX summary_risk_score_high_property_id_idx ON provenance.summary (tenant_id, risk_score_high, property_id) WHERE superseded_at = 'infinity';
CREATE INDEX summary_county_fips_living_area_sqft_idx ON provenance.summary (tenant_id, county_fips, living_area_sqft) WHERE superseded_at = 'infinity';
COMMENT ON TABLE provenance.summary IS 'one property as searches find it: what is known, found and thought of it, in one row';
COMMENT ON COLUMN provenance.summary.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.summary.property_id IS 'property';
COMMENT ON COLUMN provenance.summary.county_fips IS 'county, 5 digits';
COMMENT ON COLUMN provenance.summary.apn IS 'assessor''s parcel number';
COMMENT ON COLUMN provenance.summary.situs_address IS 'standardised delivery line (USPS Publication 28)';
COMMENT ON COLUMN provenance.summary.situs_city IS 'city';
COMMENT ON COLUMN provenance.summary.situs_state IS 'two letters';
COMMENT ON COLUMN provenance.summary.situs_zip IS '5-digit ZIP';
COMMENT ON COLUMN provenance.summary.latitude IS 'WGS 84 [degrees]';
COMMENT ON COLUMN provenance.summary.longitude IS 'WGS 84 [degrees]';
COMMENT ON COLUMN provenance.summary.cell IS 'grid cell of 0.01 degrees, the index that row-level security can use';
COMMENT ON COLUMN provenance.summary.property_type IS 'single_family, townhouse, condo, multi_family, mobile_home, land, commercial or other';
COMMENT ON COLUMN provenance.summary.living_area_sqft IS 'living area [sqft]';
COMMENT ON COLUMN provenance.summary.lot_area_sqft IS 'land area [sqft]';
COMMENT ON COLUMN provenance.summary.year_built IS 'year of construction [year]';
COMMENT ON COLUMN provenance.summary.bedroom_count IS 'bedrooms [rooms]';
COMMENT ON COLUMN provenance.summary.bathroom_count IS 'bathrooms; half baths count 0.5 [rooms]';
COMMENT ON COLUMN provenance.summary.condition_code IS 'condition, 1 poor to 5 excellent';
COMMENT ON COLUMN provenance.summary.quality_code IS 'quality of construction, 1 low to 13 luxury';
COMMENT ON COLUMN provenance.summary.has_waterfront IS 'whether the land reaches the water; null where the source does not say';
COMMENT ON COLUMN provenance.summary.owner_name IS 'owner as received (personal data)';
COMMENT ON COLUMN provenance.summary.assessed_value_usd IS 'assessor''s total value [usd]';
COMMENT ON COLUMN provenance.summary.list_price_usd IS 'asked [usd]';
COMMENT ON COLUMN provenance.summary.last_sale_price_usd IS 'price of the latest arm''s-length sale [usd]';
COMMENT ON COLUMN provenance.summary.last_sale_date IS 'closing of the latest arm''s-length sale';
COMMENT ON COLUMN provenance.summary.valuation_date IS 'the day the value stands for';
COMMENT ON COLUMN provenance.summary.estimated_value_usd IS 'value; null when refused [usd]';
COMMENT ON COLUMN provenance.summary.value_low_usd IS 'lower end of the interval of interval_level [usd]';
COMMENT ON COLUMN provenance.summary.value_high_usd IS 'upper end of the interval of interval_level [usd]';
COMMENT ON COLUMN provenance.summary.confidence IS '0 to 1; below the stated floor the value is refused [0-1]';
COMMENT ON COLUMN provenance.summary.confidence_band IS 'high, moderate or low; null when refused';
COMMENT ON COLUMN provenance.summary.refusal_reason IS 'why no value is given';
COMMENT ON COLUMN provenance.summary.flood_zone IS 'FEMA flood zone; null where no polygon maps the ground';
COMMENT ON COLUMN provenance.summary.is_in_sfha IS 'inside the Special Flood Hazard Area; null = unmapped or undetermined';
COMMENT ON COLUMN provenance.summary.flood_score IS 'severity-weighted score; null = unknown, never zero for want of data [0-1]';
COMMENT ON COLUMN provenance.summary.wildfire_score IS 'severity-weighted score; null = unknown, never zero for want of data [0-1]';
COMMENT ON COLUMN provenance.summary.heat_score IS 'severity-weighted score; null = unknown, never zero for want of data [0-1]';
COMMENT ON COLUMN provenance.summary.seismic_score IS 'severity-weighted score; null = unknown, never zero for want of data [0-1]';
COMMENT ON COLUMN provenance.summary.composite_low IS 'composite score with every unknown hazard taken as 0 [0-1]';
COMMENT ON COLUMN provenance.summary.composite_high IS 'composite score with every unknown hazard taken as 1 [0-1]';
COMMENT ON COLUMN provenance.summary.unknown_hazard_count IS 'hazards not known here [hazards]';
COMMENT ON COLUMN provenance.summary.risk_class IS 'low, moderate, high, very_high; undetermined where the interval spans more than one';
COMMENT ON COLUMN provenance.summary.risk_score_low IS 'risk with unknown hazards taken as absent [0-100]';
COMMENT ON COLUMN provenance.summary.risk_score_high IS 'risk with unknown hazards taken as certain [0-100]';
COMMENT ON COLUMN provenance.summary.property_trust IS 'weakest-link-aware mean over the fields [0-1]';
COMMENT ON COLUMN provenance.summary.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN provenance.summary.published_at IS 'from when this version holds';
COMMENT ON COLUMN provenance.summary.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE provenance.summary ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.summary FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.summary
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.summary TO estate_pipeline;
GRANT UPDATE (superseded_at) ON provenance.summary TO estate_pipeline;
GRANT SELECT ON provenance.summary TO estate_api;

CREATE TRIGGER require_passed_gate AFTER INSERT ON provenance.summary REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
