-- What kept rows of one batch of the current tenant back, by table and reason. Parameters: batch_id.
SELECT table_name, expectation, field_name, reason, count(*) AS quarantined_count,
       count(*) FILTER (WHERE resolved_at IS NULL) AS waiting_count
FROM provenance.quarantine
WHERE batch_id = %(batch_id)s
GROUP BY table_name, expectation, field_name, reason
ORDER BY count(*) DESC, table_name, expectation, field_name
