-- Tables of score: value, comparables and risk. Comments, keys, forced row-level security, grants.
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
