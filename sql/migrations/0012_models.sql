-- Trained models, who let them serve, and how their values fared against later sales. Keys, forced row-level security, grants.
CREATE TABLE score.model (
  tenant_id uuid NOT NULL,
  model_id text NOT NULL,
  county_fips text NOT NULL,
  as_of_date date NOT NULL,
  trained_at timestamptz NOT NULL,
  method text NOT NULL,
  seed integer NOT NULL,
  sale_count integer NOT NULL,
  window_from_date date NOT NULL,
  window_to_date date NOT NULL,
  snapshot_ids integer[] NOT NULL,
  code_version text NOT NULL,
  parameters_sha256 text NOT NULL,
  artefact_sha256 text NOT NULL,
  object_key text NOT NULL,
  card_key text NOT NULL,
  page_key text NOT NULL,
  metrics jsonb NOT NULL,
  verdict_id uuid NOT NULL,
  is_passed boolean NOT NULL,
  refusal text,
  run_id text NOT NULL,
  PRIMARY KEY (tenant_id, model_id)
);
CREATE INDEX model_county_fips_as_of_date_idx ON score.model (tenant_id, county_fips, as_of_date);
COMMENT ON TABLE score.model IS 'one trained model of one county, kept whether it passed its ratio study or not';
COMMENT ON COLUMN score.model.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.model.model_id IS 'county, as-of date and the first 12 digits of the artefact''s SHA-256';
COMMENT ON COLUMN score.model.county_fips IS 'the market: county, 5 digits; 00000 where the county is unknown';
COMMENT ON COLUMN score.model.as_of_date IS 'nothing sold on or after this day was used; serves valuation dates from this day on';
COMMENT ON COLUMN score.model.trained_at IS 'when';
COMMENT ON COLUMN score.model.method IS 'method and its version';
COMMENT ON COLUMN score.model.seed IS 'seed of everything random in the training';
COMMENT ON COLUMN score.model.sale_count IS 'sales trained on [sales]';
COMMENT ON COLUMN score.model.window_from_date IS 'first of them';
COMMENT ON COLUMN score.model.window_to_date IS 'last of them';
COMMENT ON COLUMN score.model.snapshot_ids IS 'snapshots that the sales and what was sold were read from';
COMMENT ON COLUMN score.model.code_version IS 'version of the code that trained it';
COMMENT ON COLUMN score.model.parameters_sha256 IS 'SHA-256 of the parameters, which lie beside the artefact';
COMMENT ON COLUMN score.model.artefact_sha256 IS 'SHA-256 of the artefact; other bytes are never loaded';
COMMENT ON COLUMN score.model.object_key IS 'object that holds the artefact; never overwritten';
COMMENT ON COLUMN score.model.card_key IS 'object that holds the model card';
COMMENT ON COLUMN score.model.page_key IS 'page for people, below the tenant''s Data Docs';
COMMENT ON COLUMN score.model.metrics IS 'figures of the out-of-time test, and the digest of the sales';
COMMENT ON COLUMN score.model.verdict_id IS 'gate verdict over its ratio study';
COMMENT ON COLUMN score.model.is_passed IS 'whether its ratio study lies within the declared bounds';
COMMENT ON COLUMN score.model.refusal IS 'why it may not serve; null where it may';
COMMENT ON COLUMN score.model.run_id IS 'Airflow DAG and run';
ALTER TABLE score.model ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.model FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.model
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.model TO estate_pipeline;
GRANT SELECT ON score.model TO estate_api;

CREATE TABLE score.promotion (
  tenant_id uuid NOT NULL,
  promotion_id uuid NOT NULL,
  model_id text NOT NULL,
  county_fips text NOT NULL,
  is_rollback boolean NOT NULL,
  promoted_at timestamptz NOT NULL,
  promoted_by text NOT NULL,
  reason text NOT NULL,
  run_id text NOT NULL,
  PRIMARY KEY (tenant_id, promotion_id)
);
CREATE INDEX promotion_county_fips_promoted_at_idx ON score.promotion (tenant_id, county_fips, promoted_at);
COMMENT ON TABLE score.promotion IS 'one decision that a model serves';
COMMENT ON COLUMN score.promotion.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.promotion.promotion_id IS 'derived from model and run, so that a repeated run decides once';
COMMENT ON COLUMN score.promotion.model_id IS 'model promoted';
COMMENT ON COLUMN score.promotion.county_fips IS 'its county';
COMMENT ON COLUMN score.promotion.is_rollback IS 'whether it sets aside the models of a later day that were promoted before it';
COMMENT ON COLUMN score.promotion.promoted_at IS 'when';
COMMENT ON COLUMN score.promotion.promoted_by IS 'who decided: training, or a person';
COMMENT ON COLUMN score.promotion.reason IS 'why';
COMMENT ON COLUMN score.promotion.run_id IS 'Airflow DAG and run';
ALTER TABLE score.promotion ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.promotion FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.promotion
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.promotion TO estate_pipeline;
GRANT SELECT ON score.promotion TO estate_api;

CREATE TABLE score.outcome (
  tenant_id uuid NOT NULL,
  sale_id uuid NOT NULL,
  property_id uuid NOT NULL,
  sale_date date NOT NULL,
  sale_price_usd numeric(14,2) NOT NULL,
  valuation_date date NOT NULL,
  valued_published_at timestamptz NOT NULL,
  model_id text,
  estimated_value_usd numeric(14,2) NOT NULL,
  value_low_usd numeric(14,2),
  value_high_usd numeric(14,2),
  value_low_95_usd numeric(14,2),
  value_high_95_usd numeric(14,2),
  sale_ratio double precision NOT NULL,
  is_in_80 boolean,
  is_in_95 boolean,
  is_arms_length boolean NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, sale_id, superseded_at)
);
CREATE INDEX outcome_property_id_idx ON score.outcome (tenant_id, property_id) WHERE superseded_at = 'infinity';
COMMENT ON TABLE score.outcome IS 'one sale against the last value that stood before the sale was known';
COMMENT ON COLUMN score.outcome.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.outcome.sale_id IS 'sale';
COMMENT ON COLUMN score.outcome.property_id IS 'property sold';
COMMENT ON COLUMN score.outcome.sale_date IS 'closing';
COMMENT ON COLUMN score.outcome.sale_price_usd IS 'consideration [usd]';
COMMENT ON COLUMN score.outcome.valuation_date IS 'the day the value stood for; before the sale';
COMMENT ON COLUMN score.outcome.valued_published_at IS 'when the value was published; before the sale was';
COMMENT ON COLUMN score.outcome.model_id IS 'model that made the value; null before there were models';
COMMENT ON COLUMN score.outcome.estimated_value_usd IS 'the value as it was published [usd]';
COMMENT ON COLUMN score.outcome.value_low_usd IS 'lower end of its 80 % interval [usd]';
COMMENT ON COLUMN score.outcome.value_high_usd IS 'upper end of its 80 % interval [usd]';
COMMENT ON COLUMN score.outcome.value_low_95_usd IS 'lower end of its 95 % interval [usd]';
COMMENT ON COLUMN score.outcome.value_high_95_usd IS 'upper end of its 95 % interval [usd]';
COMMENT ON COLUMN score.outcome.sale_ratio IS 'value over price [fraction]';
COMMENT ON COLUMN score.outcome.is_in_80 IS 'whether the price lies in the 80 % interval';
COMMENT ON COLUMN score.outcome.is_in_95 IS 'whether the price lies in the 95 % interval';
COMMENT ON COLUMN score.outcome.is_arms_length IS 'whether the sale is evidence of market value';
COMMENT ON COLUMN score.outcome.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN score.outcome.published_at IS 'from when this version holds';
COMMENT ON COLUMN score.outcome.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE score.outcome ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.outcome FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.outcome
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.outcome TO estate_pipeline;
GRANT UPDATE (superseded_at) ON score.outcome TO estate_pipeline;
GRANT SELECT ON score.outcome TO estate_api;

-- As every published table: rows enter only through a publication whose gate passed (see 0007).
CREATE TRIGGER require_passed_gate AFTER INSERT ON score.outcome REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
