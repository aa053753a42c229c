-- The rows of a feature view that held at the moment asked for each entity, in the order asked; null where none did, or where it was
-- published longer ago than the view's time to live. Composed with psycopg.sql: view (its rows, at least those of k's entity and moment),
-- columns, entity, ttl (null where age does not matter).
-- Keys: batch_key (place, the entity, event_at).
WITH v AS MATERIALIZED (
  -- Apart from the outer join: below one, PostgreSQL would run the view's query once for each key.
  SELECT k.place, r.*
  FROM batch_key AS k
  JOIN LATERAL ({view}
  ) AS r ON r.{entity} = k.{entity} AND r.event_at <= k.event_at AND r.until_at > k.event_at
    AND ({ttl}::interval IS NULL OR k.event_at - r.event_at <= {ttl}::interval)
)
SELECT {columns}
FROM batch_key AS k
LEFT JOIN v ON v.place = k.place
ORDER BY k.place
