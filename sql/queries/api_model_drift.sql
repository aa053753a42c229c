-- What the drift watch of the current tenant found last of one model, by month of the sales, the oldest first and all months last.
-- Parameters: model_id.
SELECT DISTINCT ON (month) run_id, month, sale_count, median_ratio, mape_rate, bias_rate, coverage_80_rate, coverage_95_rate, measured_at
FROM score.drift
WHERE model_id = %(model_id)s
ORDER BY month, measured_at DESC
