-- The entities of which one table ever held a version, current or closed. Composed with psycopg.sql: table, entity.
SELECT DISTINCT v.{entity} FROM {table} AS v
