-- The entities of which some publications of one table brought a version or closed one; a publication is known by its number and by its
-- time, which no other of the table shares. Composed with psycopg.sql: table, entity, table_name, publication_ids.
SELECT DISTINCT v.{entity}
FROM {table} AS v
WHERE v.publication_id = ANY ({publication_ids})
  OR v.superseded_at IN (
    SELECT p.published_at FROM provenance.publication AS p WHERE p.table_name = {table_name} AND p.publication_id = ANY ({publication_ids})
  )
