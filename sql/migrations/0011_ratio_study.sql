-- The ratio study of every model, a row per stratum: appended once when the model is trained, and never changed after. It decides
-- whether the model is promoted.
CREATE TABLE score.ratio_study (
  tenant_id uuid NOT NULL,
  model_id text NOT NULL,
  stratum_kind text NOT NULL,
  stratum text NOT NULL,
  sale_count integer NOT NULL,
  refused_count integer NOT NULL,
  trimmed_count integer NOT NULL,
  refused_rate double precision,
  trimmed_rate double precision,
  median_ratio double precision,
  median_ratio_low double precision,
  median_ratio_high double precision,
  cod double precision,
  cod_low double precision,
  cod_high double precision,
  prd double precision,
  prd_low double precision,
  prd_high double precision,
  prb double precision,
  prb_low double precision,
  prb_high double precision,
  mki double precision,
  mki_low double precision,
  mki_high double precision,
  vei double precision,
  vei_low double precision,
  vei_high double precision,
  level_difference_rate double precision,
  level_difference_low_rate double precision,
  level_difference_high_rate double precision,
  mape_pct double precision,
  mdape_pct double precision,
  rmse_usd numeric(14,2),
  coverage_80_rate double precision,
  coverage_95_rate double precision,
  median_interval_width_rate double precision,
  PRIMARY KEY (tenant_id, model_id, stratum_kind, stratum)
);
COMMENT ON TABLE score.ratio_study IS 'one stratum of the ratio study of one model';
COMMENT ON COLUMN score.ratio_study.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN score.ratio_study.model_id IS 'model studied';
COMMENT ON COLUMN score.ratio_study.stratum_kind IS 'all, price_tenth, market_area, age, property_type or month; of a rolling validation also origin';
COMMENT ON COLUMN score.ratio_study.stratum IS 'stratum within its kind; price tenths are 01 (lowest) to 10 of the market value proxy';
COMMENT ON COLUMN score.ratio_study.sale_count IS 'sales valued by a model that had not seen them [sales]';
COMMENT ON COLUMN score.ratio_study.refused_count IS 'further sales for which the model gave no value [sales]';
COMMENT ON COLUMN score.ratio_study.trimmed_count IS 'of the sales valued, those left out of the ratio statistics [sales]';
COMMENT ON COLUMN score.ratio_study.refused_rate IS 'refused sales over all [0-1]';
COMMENT ON COLUMN score.ratio_study.trimmed_rate IS 'trimmed sales over sales valued [0-1]';
COMMENT ON COLUMN score.ratio_study.median_ratio IS 'level: median of value over price [ratio]';
COMMENT ON COLUMN score.ratio_study.median_ratio_low IS 'lower end of its 90 % interval [ratio]';
COMMENT ON COLUMN score.ratio_study.median_ratio_high IS 'upper end of its 90 % interval [ratio]';
COMMENT ON COLUMN score.ratio_study.cod IS 'coefficient of dispersion [pct]';
COMMENT ON COLUMN score.ratio_study.cod_low IS 'lower end of its 90 % interval [pct]';
COMMENT ON COLUMN score.ratio_study.cod_high IS 'upper end of its 90 % interval [pct]';
COMMENT ON COLUMN score.ratio_study.prd IS 'price-related differential; above 1 favours the dear [ratio]';
COMMENT ON COLUMN score.ratio_study.prd_low IS 'lower end of its 90 % interval [ratio]';
COMMENT ON COLUMN score.ratio_study.prd_high IS 'upper end of its 90 % interval [ratio]';
COMMENT ON COLUMN score.ratio_study.prb IS 'price-related bias: change of the ratio when value doubles; negative favours the dear [fraction]';
COMMENT ON COLUMN score.ratio_study.prb_low IS 'lower end of its 90 % interval [fraction]';
COMMENT ON COLUMN score.ratio_study.prb_high IS 'upper end of its 90 % interval [fraction]';
COMMENT ON COLUMN score.ratio_study.mki IS 'modified Kakwani index; below 1 favours the dear [ratio]';
COMMENT ON COLUMN score.ratio_study.mki_low IS 'lower end of its 90 % interval [ratio]';
COMMENT ON COLUMN score.ratio_study.mki_high IS 'upper end of its 90 % interval [ratio]';
COMMENT ON COLUMN score.ratio_study.vei IS 'vertical equity indicator; negative favours the dear; null below 20 sales [pct]';
COMMENT ON COLUMN score.ratio_study.vei_low IS 'lower end of its 90 % interval [pct]';
COMMENT ON COLUMN score.ratio_study.vei_high IS 'upper end of its 90 % interval [pct]';
COMMENT ON COLUMN score.ratio_study.level_difference_rate IS 'level over the overall level, less 1 [fraction]';
COMMENT ON COLUMN score.ratio_study.level_difference_low_rate IS 'lower end of its 90 % interval [fraction]';
COMMENT ON COLUMN score.ratio_study.level_difference_high_rate IS 'upper end of its 90 % interval [fraction]';
COMMENT ON COLUMN score.ratio_study.mape_pct IS 'mean absolute error over price [pct]';
COMMENT ON COLUMN score.ratio_study.mdape_pct IS 'median absolute error over price [pct]';
COMMENT ON COLUMN score.ratio_study.rmse_usd IS 'root mean squared error [usd]';
COMMENT ON COLUMN score.ratio_study.coverage_80_rate IS 'sales whose price lies within the 80 % interval [0-1]';
COMMENT ON COLUMN score.ratio_study.coverage_95_rate IS 'sales whose price lies within the 95 % interval [0-1]';
COMMENT ON COLUMN score.ratio_study.median_interval_width_rate IS 'median width of the 80 % interval over the value [fraction]';
ALTER TABLE score.ratio_study ENABLE ROW LEVEL SECURITY;
ALTER TABLE score.ratio_study FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON score.ratio_study
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON score.ratio_study TO estate_pipeline;
GRANT SELECT ON score.ratio_study TO estate_api;
