-- Features: the market of each county by month, and the books over what went online, how features are spread, and whether offline and
-- online agree. The features of a property are computed from published tables whenever they are read and have no table here.
CREATE SCHEMA features;
GRANT USAGE ON SCHEMA features TO estate_pipeline, estate_api;

CREATE TABLE features.market (
  tenant_id uuid NOT NULL,
  county_fips text NOT NULL,
  month_date date NOT NULL,
  median_list_price_usd double precision,
  median_price_per_sqft_usd double precision,
  median_days_on_market double precision,
  active_inventory_count double precision,
  new_listing_30d_count double precision,
  sold_30d_count double precision,
  price_cut_rate double precision,
  median_rent_usd double precision,
  vacancy_rate double precision,
  median_cap_rate double precision,
  price_growth_yoy_rate double precision,
  rent_growth_yoy_rate double precision,
  origins text[] NOT NULL,
  observed_at timestamptz NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, county_fips, month_date, superseded_at)
);
COMMENT ON TABLE features.market IS 'the market of one county in one month, by what was told of it or up to three months before; a revised month is a new version';
COMMENT ON COLUMN features.market.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN features.market.county_fips IS 'county, 5 digits';
COMMENT ON COLUMN features.market.month_date IS 'first day of the month';
COMMENT ON COLUMN features.market.median_list_price_usd IS 'median asking price of what was on the market in the month [usd]';
COMMENT ON COLUMN features.market.median_price_per_sqft_usd IS 'median asking price over living area of the same [usd]';
COMMENT ON COLUMN features.market.median_days_on_market IS 'median days from the listing to the month''s end of the same [days]';
COMMENT ON COLUMN features.market.active_inventory_count IS 'homes on the market at the month''s end, in the county or its metropolitan area as origins says [homes]';
COMMENT ON COLUMN features.market.new_listing_30d_count IS 'homes listed in the 30 days to the month''s end, in the county or its metropolitan area as origins says [homes]';
COMMENT ON COLUMN features.market.sold_30d_count IS 'arm''s-length sales in the 30 days to the month''s end [homes]';
COMMENT ON COLUMN features.market.price_cut_rate IS 'share of what is on the market whose asking price was seen to fall [0-1]';
COMMENT ON COLUMN features.market.median_rent_usd IS 'typical rent a month [usd]';
COMMENT ON COLUMN features.market.vacancy_rate IS 'share of homes that stand empty [0-1]';
COMMENT ON COLUMN features.market.median_cap_rate IS 'median net operating income a year over price [fraction]';
COMMENT ON COLUMN features.market.price_growth_yoy_rate IS 'change of the price level over twelve months [fraction]';
COMMENT ON COLUMN features.market.rent_growth_yoy_rate IS 'change of the typical rent over twelve months [fraction]';
COMMENT ON COLUMN features.market.origins IS 'where each feature comes from, in the order of the features: own_sales, own_listings or a declared series; empty where it is null';
COMMENT ON COLUMN features.market.observed_at IS 'end of the oldest day for which one of its values stands';
COMMENT ON COLUMN features.market.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN features.market.published_at IS 'from when this version holds';
COMMENT ON COLUMN features.market.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE features.market ENABLE ROW LEVEL SECURITY;
ALTER TABLE features.market FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON features.market
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON features.market TO estate_pipeline;
GRANT UPDATE (superseded_at) ON features.market TO estate_pipeline;
GRANT SELECT ON features.market TO estate_api;

CREATE TABLE features.materialization (
  tenant_id uuid NOT NULL,
  publication_id bigint NOT NULL,
  table_name text NOT NULL,
  entity_count integer NOT NULL,
  run_id text NOT NULL,
  materialized_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, publication_id)
);
CREATE INDEX materialization_materialized_at_idx ON features.materialization (tenant_id, materialized_at);
COMMENT ON TABLE features.materialization IS 'one publication that has gone online';
COMMENT ON COLUMN features.materialization.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN features.materialization.publication_id IS 'ledger row whose rows went online';
COMMENT ON COLUMN features.materialization.table_name IS 'table published';
COMMENT ON COLUMN features.materialization.entity_count IS 'properties or markets that the run wrote [entities]';
COMMENT ON COLUMN features.materialization.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN features.materialization.materialized_at IS 'when they were online';
ALTER TABLE features.materialization ENABLE ROW LEVEL SECURITY;
ALTER TABLE features.materialization FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON features.materialization
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON features.materialization TO estate_pipeline;
GRANT SELECT ON features.materialization TO estate_api;

CREATE TABLE features.profile (
  tenant_id uuid NOT NULL,
  run_id text NOT NULL,
  view_name text NOT NULL,
  feature_name text NOT NULL,
  entity_count integer NOT NULL,
  null_count integer NOT NULL,
  null_rate double precision NOT NULL,
  previous_null_rate double precision,
  expected_value_count double precision,
  value_ratio double precision,
  stale_rate double precision,
  oldest_observed_at timestamptz,
  newest_observed_at timestamptz,
  low double precision,
  median double precision,
  high double precision,
  bins jsonb NOT NULL,
  psi double precision,
  js_divergence double precision,
  previous_bin_count integer,
  median_factor double precision,
  previous_run_id text,
  profiled_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, run_id, view_name, feature_name)
);
CREATE INDEX profile_view_name_feature_name_profiled_at_idx ON features.profile (tenant_id, view_name, feature_name, profiled_at);
COMMENT ON TABLE features.profile IS 'one feature as one run found it over all entities of the tenant, against the run before';
COMMENT ON COLUMN features.profile.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN features.profile.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN features.profile.view_name IS 'feature view';
COMMENT ON COLUMN features.profile.feature_name IS 'feature';
COMMENT ON COLUMN features.profile.entity_count IS 'entities looked at [entities]';
COMMENT ON COLUMN features.profile.null_count IS 'of these without a value [entities]';
COMMENT ON COLUMN features.profile.null_rate IS 'their share [0-1]';
COMMENT ON COLUMN features.profile.previous_null_rate IS 'their share in the window before; null where there was none [0-1]';
COMMENT ON COLUMN features.profile.expected_value_count IS 'values in the window before, of as many entities where there are fewer now [values]';
COMMENT ON COLUMN features.profile.value_ratio IS 'values now over the expected ones [fraction]';
COMMENT ON COLUMN features.profile.stale_rate IS 'share of the values that are older than their time to live [0-1]';
COMMENT ON COLUMN features.profile.oldest_observed_at IS 'oldest day for which a value stands';
COMMENT ON COLUMN features.profile.newest_observed_at IS 'newest day for which a value stands';
COMMENT ON COLUMN features.profile.low IS 'least value; null for text';
COMMENT ON COLUMN features.profile.median IS 'median value; null for text';
COMMENT ON COLUMN features.profile.high IS 'greatest value; null for text';
COMMENT ON COLUMN features.profile.bins IS 'edges or words, and how many values fall on each, in this window';
COMMENT ON COLUMN features.profile.psi IS 'population stability index against the window before; null where too few values can say';
COMMENT ON COLUMN features.profile.js_divergence IS 'Jensen-Shannon divergence (base 2) against the window before [0-1]';
COMMENT ON COLUMN features.profile.previous_bin_count IS 'bins of numbers that held at least 1 % of the values in the window before [bins]';
COMMENT ON COLUMN features.profile.median_factor IS 'the greater of the medians now and before over the lesser; null where one is 0 or the signs differ [fraction]';
COMMENT ON COLUMN features.profile.previous_run_id IS 'run that measured the window before';
COMMENT ON COLUMN features.profile.profiled_at IS 'when';
ALTER TABLE features.profile ENABLE ROW LEVEL SECURITY;
ALTER TABLE features.profile FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON features.profile
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON features.profile TO estate_pipeline;
GRANT SELECT ON features.profile TO estate_api;

CREATE TABLE features.parity (
  tenant_id uuid NOT NULL,
  run_id text NOT NULL,
  view_name text NOT NULL,
  feature_name text NOT NULL,
  compared_count integer NOT NULL,
  mismatch_count integer NOT NULL,
  example text,
  as_of_at timestamptz NOT NULL,
  audited_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, run_id, view_name, feature_name)
);
CREATE INDEX parity_audited_at_idx ON features.parity (tenant_id, audited_at);
COMMENT ON TABLE features.parity IS 'one feature of a sample, compared by one audit between offline and online';
COMMENT ON COLUMN features.parity.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN features.parity.run_id IS 'Airflow DAG and run; with #2, #3 and so on what a run that audits again found';
COMMENT ON COLUMN features.parity.view_name IS 'feature view';
COMMENT ON COLUMN features.parity.feature_name IS 'feature';
COMMENT ON COLUMN features.parity.compared_count IS 'entities compared [entities]';
COMMENT ON COLUMN features.parity.mismatch_count IS 'of these with different values, event times or ages [entities]';
COMMENT ON COLUMN features.parity.example IS 'the first that differs: entity, offline, online; null where none does';
COMMENT ON COLUMN features.parity.as_of_at IS 'moment for which offline was asked';
COMMENT ON COLUMN features.parity.audited_at IS 'when';
ALTER TABLE features.parity ENABLE ROW LEVEL SECURITY;
ALTER TABLE features.parity FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON features.parity
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON features.parity TO estate_pipeline;
GRANT SELECT ON features.parity TO estate_api;

-- As every published table: rows enter only through a publication whose gate passed (see 0007).
CREATE TRIGGER require_passed_gate AFTER INSERT ON features.market REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();

CREATE TRIGGER tell_version_of_insert AFTER INSERT ON features.materialization REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON features.profile REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON features.parity REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();

-- A model says which feature service, and which version of it, it was trained from; null for models from before there were any.
ALTER TABLE score.model ADD COLUMN feature_service text;
COMMENT ON COLUMN score.model.feature_service IS 'feature service it was trained from, with its version, as valuation_v1@0123456789ab; null before there were any';
