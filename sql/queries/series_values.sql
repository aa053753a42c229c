-- The values of some areas as the newest version that speaks of each says them; what was withdrawn is not among them.
-- Keys: batch_key (source_name, area_code). No parameters.
SELECT n.source_name, n.area_code, n.period_date, n.value
FROM (
  SELECT DISTINCT ON (v.source_name, v.area_code, v.period_date) v.source_name, v.area_code, v.period_date, v.value
  FROM reference.market_value AS v
  JOIN batch_key AS k ON k.source_name = v.source_name AND k.area_code = v.area_code
  ORDER BY v.source_name, v.area_code, v.period_date, v.series_id DESC
) AS n
WHERE n.value IS NOT NULL
ORDER BY n.source_name, n.area_code, n.period_date
