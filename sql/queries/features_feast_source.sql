-- The rows of one view as Feast reads them, as a subquery of its own statements: keys as text, and after the last version of an entity that
-- vanished a row without values, so that Feast, which takes the last row before a moment whenever it ended, does not bring it back.
-- Composed with psycopg.sql: rows (the view's own query), entity (its column), columns and nulls (of the features).
WITH version AS (
  SELECT r.*, lead(r.event_at) OVER (PARTITION BY r.tenant_id, r.{entity} ORDER BY r.event_at) AS next_at
  FROM (
{rows}
  ) AS r
)
SELECT v.tenant_id::text AS tenant_id, v.{entity}::text AS {entity}, v.event_at, v.observed_at, {columns}
FROM version AS v
UNION ALL
SELECT v.tenant_id::text, v.{entity}::text, v.until_at, NULL, {nulls}
FROM version AS v
WHERE v.until_at < coalesce(v.next_at, 'infinity')
