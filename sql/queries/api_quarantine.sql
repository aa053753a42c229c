-- One page of the current tenant's quarantined rows, in the order of their identifiers. Parameters: after_id (last quarantine_id of the
-- page before, null = from the start), table_name, batch_id, expectation, is_resolved (each null = any), page_size.
SELECT quarantine_id, batch_id, table_name, row_key, row_number, raw_row, expectation, field_name, reason, run_id, quarantined_at,
       resolved_at
FROM provenance.quarantine
WHERE quarantine_id > coalesce(%(after_id)s::uuid, '00000000-0000-0000-0000-000000000000')
  AND (%(table_name)s::text IS NULL OR table_name = %(table_name)s::text)
  AND (%(batch_id)s::text IS NULL OR batch_id = %(batch_id)s::text)
  AND (%(expectation)s::text IS NULL OR expectation = %(expectation)s::text)
  AND (%(is_resolved)s::boolean IS NULL OR (resolved_at IS NOT NULL) = %(is_resolved)s::boolean)
ORDER BY quarantine_id
LIMIT %(page_size)s
