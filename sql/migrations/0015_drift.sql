-- What each run of the drift watch found, so that months can be compared after the outcomes they were read from have moved on.
CREATE TABLE score.drift (
  tenant_id uuid NOT NULL,
  run_id text NOT NULL,
  model_id text NOT NULL,
  month text NOT NULL,
  sale_count integer NOT NULL,
  median_ratio double precision NOT NULL,
  mape_rate double precision NOT NULL,
  bias_rate double precision NOT NULL,
  coverage_80_rate double precision,
  coverage_95_rate double precision,
  measured_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, run_id, model_id, month)
);
CREATE INDEX drift_model_id_month_measured_at_idx ON score.drift (tenant_id, model_id, month, measured_at);
COMMENT ON TABLE score.drift IS 'what one run of the drift watch found of one model against the sales of one month, or of all months';
COMMENT ON COLUMN score.drift.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.drift.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN score.drift.model_id IS 'model that made the values; ''without a model'' for values from before there were models';
COMMENT ON COLUMN score.drift.month IS 'month of the sales, as 2026-01; all for all months within reach';
COMMENT ON COLUMN score.drift.sale_count IS 'valid sales that had a value before them [sales]';
COMMENT ON COLUMN score.drift.median_ratio IS 'level: median of value over price [ratio]';
COMMENT ON COLUMN score.drift.mape_rate IS 'mean absolute error over price [fraction]';
COMMENT ON COLUMN score.drift.bias_rate IS 'sum of values over sum of prices, less 1 [fraction]';
COMMENT ON COLUMN score.drift.coverage_80_rate IS 'sales whose price lay within the 80 % interval; null where none was given [0-1]';
COMMENT ON COLUMN score.drift.coverage_95_rate IS 'sales whose price lay within the 95 % interval; null where none was given [0-1]';
COMMENT ON COLUMN score.drift.measured_at IS 'when';
ALTER TABLE score.drift ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.drift FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.drift
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.drift TO estate_pipeline;
GRANT SELECT ON score.drift TO estate_api;
