-- Tested values of valid sales of the tenant's latest stretch of outcomes, for the drift alarm. The stretch does not end at a sale dated
-- after today, which would leave all others behind and keep the alarm silent. Parameters: reach_days.
SELECT model_id, sale_date, sale_price_usd, estimated_value_usd, sale_ratio, is_in_80, is_in_95
FROM score.outcome
WHERE
    superseded_at = 'infinity'
    AND is_arms_length
    AND sale_date <= current_date
    AND sale_date > (
        SELECT max(sale_date) FROM score.outcome WHERE superseded_at = 'infinity' AND is_arms_length AND sale_date <= current_date
    ) - %(reach_days)s::integer
ORDER BY sale_date, sale_id
