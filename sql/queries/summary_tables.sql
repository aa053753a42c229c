-- What runs did to each table of the current tenant: judged, and published where anything had changed. A table judged twice by one
-- run (a task tried again) counts once, with the last verdict. Parameters: run_ids.
SELECT DISTINCT ON (verdict.run_id, verdict.table_name)
       verdict.run_id, verdict.table_name, verdict.is_passed, verdict.rows_in, verdict.rows_quarantined, verdict.docs_key,
       publication.rows_published, publication.rows_closed, publication.rows_unchanged
FROM provenance.verdict AS verdict
LEFT JOIN provenance.publication AS publication
  ON publication.tenant_id = verdict.tenant_id AND publication.verdict_id = verdict.verdict_id
WHERE verdict.run_id = ANY (%(run_ids)s)
ORDER BY verdict.run_id, verdict.table_name, verdict.judged_at DESC
