-- What was published of one batch of the current tenant, the newest first. Parameters: batch_id.
SELECT publication_id, table_name, partition_name, vintage_date, rows_in, rows_published, rows_closed, rows_unchanged, rows_quarantined,
       code_version, run_id, read_at, published_at
FROM provenance.publication
WHERE batch_id = %(batch_id)s
ORDER BY published_at DESC, publication_id DESC
