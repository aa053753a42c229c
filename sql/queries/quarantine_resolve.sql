-- Mark as resolved the quarantined rows that were published after all, by a replay or by a corrected file. Composed with
-- psycopg.sql: staging, row_key. Parameters: table_name.
UPDATE provenance.quarantine AS kept
SET resolved_at = clock_timestamp()
FROM {staging} AS staged
WHERE kept.table_name = %(table_name)s
  AND kept.resolved_at IS NULL
  AND kept.row_key = concat_ws('|', {row_key})
