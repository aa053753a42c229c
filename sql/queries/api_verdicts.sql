-- The newest verdicts of the current tenant, for the index of its Data Docs. Parameters: row_limit.
SELECT table_name, batch_id, is_passed, rows_in, rows_quarantined, expectation_count, failures, docs_key, run_id, judged_at
FROM provenance.verdict
ORDER BY judged_at DESC
LIMIT %(row_limit)s
