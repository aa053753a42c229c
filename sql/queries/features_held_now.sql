-- The rows of a feature view that hold now. Composed with psycopg.sql: rows (the view's query).
SELECT r.* FROM ({rows}
) AS r
WHERE r.until_at = 'infinity'
