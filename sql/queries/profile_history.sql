-- How the features of the current tenant were found by its newest runs, oldest run first; bins of the newest run only.
-- Parameters: run_limit.
WITH runs AS (
  SELECT run_id, row_number() OVER (ORDER BY max(profiled_at) DESC, run_id DESC) AS place
  FROM features.profile
  GROUP BY run_id
  ORDER BY place
  LIMIT %(run_limit)s
)
SELECT
  p.view_name, p.feature_name, p.run_id, p.entity_count, p.null_rate, p.previous_null_rate, p.stale_rate, p.oldest_observed_at,
  p.newest_observed_at, p.low, p.median, p.high, CASE WHEN r.place = 1 THEN p.bins END AS bins, p.psi, p.js_divergence,
  p.previous_run_id, p.profiled_at
FROM features.profile AS p
JOIN runs AS r USING (run_id)
ORDER BY r.place DESC, p.view_name, p.feature_name
