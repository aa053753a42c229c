-- Take out of the staged rows those whose current version was built by somebody who read later. Composed with psycopg.sql: target,
-- staging, same_key. Parameters: table_name, read_at.
DELETE FROM {staging} AS staged
USING {target} AS current_row
WHERE {same_key}
  AND current_row.superseded_at = 'infinity'
  AND current_row.publication_id IN (
    SELECT publication_id FROM provenance.publication WHERE table_name = %(table_name)s AND read_at > %(read_at)s
  )
