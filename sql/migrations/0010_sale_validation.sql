-- What is found of each sale as evidence of market value, and what a person decided instead. Comments, keys, forced row-level security,
-- grants, and the gate's trigger on the published one.
CREATE TABLE score.sale_validation (
  tenant_id uuid NOT NULL,
  sale_id uuid NOT NULL,
  property_id uuid NOT NULL,
  sale_date date,
  is_arms_length boolean NOT NULL,
  exclusion_reasons text[] NOT NULL,
  decided_by text NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, sale_id, superseded_at)
);
CREATE INDEX sale_validation_property_id_idx ON score.sale_validation (tenant_id, property_id) WHERE superseded_at = 'infinity';
COMMENT ON TABLE score.sale_validation IS 'what is found of one sale as evidence of market value, over the whole market';
COMMENT ON COLUMN score.sale_validation.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.sale_validation.sale_id IS 'sale';
COMMENT ON COLUMN score.sale_validation.property_id IS 'property sold';
COMMENT ON COLUMN score.sale_validation.sale_date IS 'closing';
COMMENT ON COLUMN score.sale_validation.is_arms_length IS 'evidence of market value';
COMMENT ON COLUMN score.sale_validation.exclusion_reasons IS 'why it is not, at most three, in the order of sale_validation.toml; empty for evidence';
COMMENT ON COLUMN score.sale_validation.decided_by IS 'rules, or the decision that overruled them';
COMMENT ON COLUMN score.sale_validation.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN score.sale_validation.published_at IS 'from when this version holds';
COMMENT ON COLUMN score.sale_validation.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE score.sale_validation ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.sale_validation FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.sale_validation
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.sale_validation TO estate_pipeline;
GRANT UPDATE (superseded_at) ON score.sale_validation TO estate_pipeline;
GRANT SELECT ON score.sale_validation TO estate_api;

CREATE TABLE score.sale_decision (
  tenant_id uuid NOT NULL,
  decision_id uuid NOT NULL,
  sale_id uuid NOT NULL,
  is_arms_length boolean NOT NULL,
  reason text NOT NULL,
  decided_by text NOT NULL,
  run_id text NOT NULL,
  decided_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, decision_id)
);
CREATE INDEX sale_decision_sale_id_idx ON score.sale_decision (tenant_id, sale_id);
COMMENT ON TABLE score.sale_decision IS 'one decision of a person about one sale; the latest counts';
COMMENT ON COLUMN score.sale_decision.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.sale_decision.decision_id IS 'derived from run and sale';
COMMENT ON COLUMN score.sale_decision.sale_id IS 'sale decided about';
COMMENT ON COLUMN score.sale_decision.is_arms_length IS 'evidence of market value';
COMMENT ON COLUMN score.sale_decision.reason IS 'why, in the words of who decided';
COMMENT ON COLUMN score.sale_decision.decided_by IS 'who decided';
COMMENT ON COLUMN score.sale_decision.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN score.sale_decision.decided_at IS 'when';
ALTER TABLE score.sale_decision ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.sale_decision FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.sale_decision
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.sale_decision TO estate_pipeline;
GRANT SELECT ON score.sale_decision TO estate_api;

CREATE TRIGGER require_passed_gate AFTER INSERT ON score.sale_validation REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
