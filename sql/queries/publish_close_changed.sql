-- Close the current version of every row that the batch says differently. Composed with psycopg.sql: target, staging, same_key,
-- current_values, staged_values, published_at.
UPDATE {target} AS current_row
SET superseded_at = {published_at}
FROM {staging} AS staged
WHERE {same_key}
  AND current_row.superseded_at = 'infinity'
  AND ({current_values}) IS DISTINCT FROM ({staged_values})
