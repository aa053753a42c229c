-- The latest verdict of the current tenant on every table, of all batches or of one. Parameters: batch_id, table_name (each null = any).
WITH latest AS (
  SELECT DISTINCT ON (table_name) verdict_id
  FROM provenance.verdict
  WHERE (%(batch_id)s::text IS NULL OR batch_id = %(batch_id)s::text)
    AND (%(table_name)s::text IS NULL OR table_name = %(table_name)s::text)
  ORDER BY table_name DESC, judged_at DESC, verdict_id DESC
)
SELECT verdict_id, batch_id, table_name, is_passed, rows_in, rows_quarantined, expectation_count, failures, suite_sha256, docs_key, run_id,
       judged_at, EXISTS (SELECT FROM ingest.snapshot WHERE snapshot.batch_id = verdict.batch_id) AS is_landed
FROM provenance.verdict
WHERE verdict_id IN (SELECT verdict_id FROM latest)
