-- Of batches of the current tenant, by table: whether its latest verdict passed it (null where there is none), and whether it was
-- published. Parameters: batch_ids.
SELECT batch_id, table_name, (array_agg(is_passed ORDER BY judged_at DESC) FILTER (WHERE is_passed IS NOT NULL))[1] AS is_passed,
       bool_or(is_published) AS is_published
FROM (
  SELECT batch_id, table_name, is_passed, judged_at, false AS is_published
  FROM provenance.verdict
  WHERE batch_id = ANY(%(batch_ids)s)
  UNION ALL
  SELECT batch_id, table_name, NULL, NULL, true
  FROM provenance.publication
  WHERE batch_id = ANY(%(batch_ids)s)
) AS said
GROUP BY batch_id, table_name
