-- The latest verdict on a table of a batch; no row where it was never judged. Parameters: batch_id, table_name.
SELECT is_passed
FROM provenance.verdict
WHERE batch_id = %(batch_id)s AND table_name = %(table_name)s
ORDER BY judged_at DESC, verdict_id
LIMIT 1
