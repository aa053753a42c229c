-- One quarantined row of the current tenant. Parameters: quarantine_id.
SELECT quarantine_id, batch_id, table_name, row_key, row_number, raw_row, expectation, field_name, reason, run_id, quarantined_at,
       resolved_at
FROM provenance.quarantine
WHERE quarantine_id = %(quarantine_id)s
