-- Close the current version of every row that the batch says differently. Composed with psycopg.sql: target, fresh, same_key,
-- published_at.
UPDATE {target} AS current_row
SET superseded_at = {published_at}
FROM {fresh} AS staged
WHERE staged.is_replacing
  AND {same_key}
  AND current_row.superseded_at = 'infinity'
