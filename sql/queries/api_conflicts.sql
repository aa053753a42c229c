-- The values that lost of one property of the current tenant, as of a moment. Parameters: property_id, as_of (null = now).
SELECT field_name, source_name, snapshot_id, row_number, losing_value, winning_source_name, winning_value, rule
FROM normalize.conflict
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
ORDER BY field_name, source_name, record_key
