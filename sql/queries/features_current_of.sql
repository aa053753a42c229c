-- The rows of a feature view that hold now, of some entities. Composed with psycopg.sql: view (its rows held now), columns, entity.
-- Keys: batch_key (the entity).
SELECT {columns}
FROM ({view}
) AS v
WHERE v.{entity} IN (SELECT k.{entity} FROM batch_key AS k)
ORDER BY v.{entity}
