-- Where named sales of the current tenant come from: of each, the version of the moment, or the last before it. Parameters: sale_ids,
-- as_of (null = now).
SELECT DISTINCT ON (sale_id) sale_id, property_id, source_name, snapshot_id, row_number
FROM normalize.sale
WHERE sale_id = ANY(%(sale_ids)s)
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
ORDER BY sale_id, superseded_at DESC
