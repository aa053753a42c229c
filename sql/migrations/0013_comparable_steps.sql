-- Further steps of a comparable's waterfall: what the market did since its sale, basement, waterfront and view.
-- The default is the truth for rows written before, and by code still running: such a waterfall took no such step.
ALTER TABLE score.comparable
  ADD COLUMN market_time_adjustment_usd numeric(14,2) NOT NULL DEFAULT 0,
  ADD COLUMN basement_adjustment_usd numeric(14,2) NOT NULL DEFAULT 0,
  ADD COLUMN waterfront_adjustment_usd numeric(14,2) NOT NULL DEFAULT 0,
  ADD COLUMN view_adjustment_usd numeric(14,2) NOT NULL DEFAULT 0;
COMMENT ON COLUMN score.comparable.market_time_adjustment_usd IS 'step of the waterfall [usd]';
COMMENT ON COLUMN score.comparable.basement_adjustment_usd IS 'step of the waterfall [usd]';
COMMENT ON COLUMN score.comparable.waterfront_adjustment_usd IS 'step of the waterfall [usd]';
COMMENT ON COLUMN score.comparable.view_adjustment_usd IS 'step of the waterfall [usd]';
