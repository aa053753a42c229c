-- The entities that have a current version in one table. Composed with psycopg.sql: table, entity.
SELECT DISTINCT v.{entity} FROM {table} AS v WHERE v.superseded_at = 'infinity'
