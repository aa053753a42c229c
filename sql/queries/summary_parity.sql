-- What audits of the current tenant's features found in these runs: features compared, entities compared of each at most, values that
-- differ, the first example, and by view over how many entities its least compared feature was; all zero where there was none.
-- Parameters: run_ids.
WITH found AS (
  SELECT view_name, feature_name, compared_count, mismatch_count, example FROM features.parity WHERE run_id = ANY (%(run_ids)s)
)
SELECT
  count(DISTINCT (view_name, feature_name)) AS feature_count, coalesce(max(compared_count), 0) AS compared_count,
  coalesce(sum(mismatch_count), 0)::bigint AS mismatch_count, min(example) AS example,
  (
    SELECT coalesce(jsonb_object_agg(v.view_name, v.least), '{}')
    FROM (SELECT view_name, min(compared_count) AS least FROM found GROUP BY view_name) AS v
  ) AS compared_by_view
FROM found
