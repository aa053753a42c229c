-- How the current tenant's features were spread when each was looked at last. Parameters: view_names and feature_names (as many of each:
-- the features, by view and name). One look along the index a feature: how long the books are does not matter.
SELECT asked.view_name, asked.feature_name, profile.run_id, profile.entity_count, profile.null_count, profile.null_rate,
       profile.previous_null_rate, profile.stale_rate, profile.oldest_observed_at, profile.newest_observed_at, profile.low, profile.median,
       profile.high, profile.psi, profile.js_divergence, profile.previous_run_id, profile.profiled_at
FROM unnest(%(view_names)s::text[], %(feature_names)s::text[]) AS asked (view_name, feature_name)
CROSS JOIN LATERAL (
  SELECT one.run_id, one.entity_count, one.null_count, one.null_rate, one.previous_null_rate, one.stale_rate, one.oldest_observed_at,
         one.newest_observed_at, one.low, one.median, one.high, one.psi, one.js_divergence, one.previous_run_id, one.profiled_at
  FROM features.profile AS one
  WHERE one.view_name = asked.view_name AND one.feature_name = asked.feature_name
  ORDER BY one.profiled_at DESC
  LIMIT 1
) AS profile
