-- Tested values of valid sales of the tenant's latest stretch of outcomes, for the drift alarm. Parameters: reach_days.
SELECT model_id, sale_date, sale_price_usd, estimated_value_usd, sale_ratio, is_in_80, is_in_95
FROM score.outcome
WHERE
    superseded_at = 'infinity'
    AND is_arms_length
    AND sale_date > (SELECT max(sale_date) FROM score.outcome WHERE superseded_at = 'infinity' AND is_arms_length) - %(reach_days)s::integer
ORDER BY sale_date, sale_id
