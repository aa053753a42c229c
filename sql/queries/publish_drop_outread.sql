-- Take out of the staged rows those that somebody who read later has published or closed; a publication is known by its number and by
-- its time, which no other of the table shares. Composed with psycopg.sql: target, staging, same_key. Parameters: table_name, read_at,
-- not_before.
WITH later AS (
  SELECT publication_id, published_at
  FROM provenance.publication
  WHERE table_name = %(table_name)s AND read_at > %(read_at)s AND vintage_date >= %(not_before)s
)
DELETE FROM {staging} AS staged
USING {target} AS current_row
WHERE {same_key}
  AND (
    current_row.publication_id IN (SELECT publication_id FROM later)
    OR current_row.superseded_at IN (SELECT published_at FROM later)
  )
