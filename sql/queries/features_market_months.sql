-- The months of which the tenant's current market features speak. No parameters.
SELECT DISTINCT m.month_date
FROM features.market AS m
WHERE m.superseded_at = 'infinity'
ORDER BY m.month_date
