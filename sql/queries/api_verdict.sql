-- One verdict of the current tenant. Parameters: verdict_id.
SELECT verdict_id, batch_id, table_name, is_passed, rows_in, rows_quarantined, expectation_count, failures, suite_sha256, docs_key, run_id,
       judged_at, EXISTS (SELECT FROM ingest.snapshot WHERE snapshot.batch_id = verdict.batch_id) AS is_landed
FROM provenance.verdict
WHERE verdict_id = %(verdict_id)s
