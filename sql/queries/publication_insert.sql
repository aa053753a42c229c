-- Open one ledger row; its counts follow in the same transaction. Parameters: the columns of provenance.publication.
INSERT INTO provenance.publication (
  tenant_id, publication_id, table_name, partition_name, batch_id, input_sha256, vintage_date, verdict_id, run_id, code_version,
  rows_in, rows_published, rows_closed, rows_unchanged, rows_quarantined, read_at, published_at
) VALUES (
  %(tenant_id)s, %(publication_id)s, %(table_name)s, %(partition_name)s, %(batch_id)s, %(input_sha256)s, %(vintage_date)s, %(verdict_id)s, %(run_id)s,
  %(code_version)s, %(rows_in)s, 0, 0, 0, %(rows_quarantined)s, %(read_at)s, %(published_at)s
)
