-- The rows of a feature view that hold now, of all entities of the tenant. Composed with psycopg.sql: view (its rows held now), columns,
-- entity.
SELECT {columns}
FROM ({view}
) AS v
ORDER BY v.{entity}
