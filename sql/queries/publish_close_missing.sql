-- Close the current version of every row in the batch's scope that the batch no longer brings. Composed with psycopg.sql: target,
-- staging, same_key, published_at, scope_column.
UPDATE {target} AS current_row
SET superseded_at = {published_at}
FROM batch_scope
WHERE {scope_column} = batch_scope.scope_value
  AND current_row.tenant_id = (SELECT current_setting('app.tenant_id')::uuid)
  AND current_row.superseded_at = 'infinity'
  AND NOT EXISTS (SELECT 1 FROM {staging} AS staged WHERE {same_key})
