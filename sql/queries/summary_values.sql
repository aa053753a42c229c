-- How many properties of the current tenant have a value (no reason), and how many are refused one for which reason. No parameters.
SELECT refusal_reason, count(*) AS property_count
FROM score.valuation
WHERE superseded_at = 'infinity'
GROUP BY refusal_reason
ORDER BY refusal_reason IS NOT NULL, property_count DESC, refusal_reason
