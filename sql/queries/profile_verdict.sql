-- The newest verdict of the current tenant on each table of features, with its page.
SELECT DISTINCT ON (table_name) table_name, is_passed, failures, docs_key, run_id, judged_at
FROM provenance.verdict
WHERE starts_with(table_name, 'features.')
ORDER BY table_name, judged_at DESC
