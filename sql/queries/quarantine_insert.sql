-- Keep one rejected row; the same rejection again adds nothing. Parameters: the columns of provenance.quarantine but resolved_at.
INSERT INTO provenance.quarantine (
  tenant_id, quarantine_id, batch_id, table_name, row_key, row_number, raw_row, expectation, field_name, reason, run_id, quarantined_at
) VALUES (
  %(tenant_id)s, %(quarantine_id)s, %(batch_id)s, %(table_name)s, %(row_key)s, %(row_number)s, %(raw_row)s, %(expectation)s, %(field_name)s,
  %(reason)s, %(run_id)s, %(quarantined_at)s
)
ON CONFLICT (tenant_id, quarantine_id) DO NOTHING
