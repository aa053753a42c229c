-- What stands behind a value: the wider interval, the band and the model; what each side of a property contributes, and what an owner's
-- changes would come to. Values published before have none of it, and keep their null.

ALTER TABLE score.valuation ADD COLUMN value_low_95_usd numeric(14,2);
ALTER TABLE score.valuation ADD COLUMN value_high_95_usd numeric(14,2);
ALTER TABLE score.valuation ADD COLUMN confidence_band text;
ALTER TABLE score.valuation ADD COLUMN model_id text;

COMMENT ON COLUMN score.valuation.value_low_usd IS 'lower end of the interval of interval_level [usd]';
COMMENT ON COLUMN score.valuation.value_high_usd IS 'upper end of the interval of interval_level [usd]';
COMMENT ON COLUMN score.valuation.value_low_95_usd IS 'lower end of the 95 % interval [usd]';
COMMENT ON COLUMN score.valuation.value_high_95_usd IS 'upper end of the 95 % interval [usd]';
COMMENT ON COLUMN score.valuation.confidence_band IS 'high, moderate or low; null when refused';
COMMENT ON COLUMN score.valuation.model_id IS 'model that gave the value (score.model); null where none was promoted';

CREATE TABLE score.contribution (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  base_usd numeric(14,2) NOT NULL,
  location_contribution_usd numeric(14,2) NOT NULL,
  neighbourhood_contribution_usd numeric(14,2) NOT NULL,
  living_area_contribution_usd numeric(14,2) NOT NULL,
  basement_area_contribution_usd numeric(14,2) NOT NULL,
  lot_area_contribution_usd numeric(14,2) NOT NULL,
  age_contribution_usd numeric(14,2) NOT NULL,
  renovation_contribution_usd numeric(14,2) NOT NULL,
  rooms_contribution_usd numeric(14,2) NOT NULL,
  stories_contribution_usd numeric(14,2) NOT NULL,
  garage_contribution_usd numeric(14,2) NOT NULL,
  condition_contribution_usd numeric(14,2) NOT NULL,
  quality_contribution_usd numeric(14,2) NOT NULL,
  waterfront_contribution_usd numeric(14,2) NOT NULL,
  view_contribution_usd numeric(14,2) NOT NULL,
  property_type_contribution_usd numeric(14,2) NOT NULL,
  second_opinion_contribution_usd numeric(14,2) NOT NULL,
  comparables_contribution_usd numeric(14,2) NOT NULL,
  equity_contribution_usd numeric(14,2) NOT NULL,
  estimated_value_usd numeric(14,2) NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, superseded_at)
);
COMMENT ON TABLE score.contribution IS 'what each side of one valued property adds to its value';
COMMENT ON COLUMN score.contribution.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.contribution.property_id IS 'property valued';
COMMENT ON COLUMN score.contribution.base_usd IS 'value of the typical sale of the market at the valuation date [usd]';
COMMENT ON COLUMN score.contribution.location_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.neighbourhood_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.living_area_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.basement_area_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.lot_area_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.age_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.renovation_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.rooms_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.stories_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.garage_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.condition_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.quality_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.waterfront_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.view_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.property_type_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.second_opinion_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.comparables_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.equity_contribution_usd IS 'what this adds to the base; negative where it takes away [usd]';
COMMENT ON COLUMN score.contribution.estimated_value_usd IS 'base plus every contribution, to the cent [usd]';
COMMENT ON COLUMN score.contribution.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN score.contribution.published_at IS 'from when this version holds';
COMMENT ON COLUMN score.contribution.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE score.contribution ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.contribution FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.contribution
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.contribution TO estate_pipeline;
GRANT UPDATE (superseded_at) ON score.contribution TO estate_pipeline;
GRANT SELECT ON score.contribution TO estate_api;

CREATE TABLE score.counterfactual (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  change_name text NOT NULL,
  field_name text NOT NULL,
  field_value_from double precision,
  field_value_to double precision NOT NULL,
  changed_value_usd numeric(14,2) NOT NULL,
  value_change_usd numeric(14,2) NOT NULL,
  assumption text NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, change_name, superseded_at)
);
COMMENT ON TABLE score.counterfactual IS 'the value of one property if one thing about it were changed';
COMMENT ON COLUMN score.counterfactual.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.counterfactual.property_id IS 'property valued';
COMMENT ON COLUMN score.counterfactual.change_name IS 'what would be changed; only what an owner can change';
COMMENT ON COLUMN score.counterfactual.field_name IS 'field of normalize.property that changes';
COMMENT ON COLUMN score.counterfactual.field_value_from IS 'its value today';
COMMENT ON COLUMN score.counterfactual.field_value_to IS 'its value after the change';
COMMENT ON COLUMN score.counterfactual.changed_value_usd IS 'value after the change [usd]';
COMMENT ON COLUMN score.counterfactual.value_change_usd IS 'difference to today''s value [usd]';
COMMENT ON COLUMN score.counterfactual.assumption IS 'what the figure takes for granted';
COMMENT ON COLUMN score.counterfactual.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN score.counterfactual.published_at IS 'from when this version holds';
COMMENT ON COLUMN score.counterfactual.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE score.counterfactual ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.counterfactual FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.counterfactual
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.counterfactual TO estate_pipeline;
GRANT UPDATE (superseded_at) ON score.counterfactual TO estate_pipeline;
GRANT SELECT ON score.counterfactual TO estate_api;

CREATE TRIGGER require_passed_gate AFTER INSERT ON score.contribution REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();

CREATE TRIGGER require_passed_gate AFTER INSERT ON score.counterfactual REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
