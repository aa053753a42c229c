-- Close the current version of every row in the batch's scope that the batch no longer brings, unless somebody who read later published
-- it. A row that the batch does bring, but that was kept back, is not missing: its last good version stands.
-- Composed with psycopg.sql: target, staging, same_key, current_key, published_at, scope_column.
-- Parameters: table_name, batch_id, read_at, not_before.
UPDATE {target} AS current_row
SET superseded_at = {published_at}
FROM batch_scope
WHERE {scope_column} = batch_scope.scope_value
  AND current_row.tenant_id = (SELECT current_setting('app.tenant_id')::uuid)
  AND current_row.superseded_at = 'infinity'
  AND NOT EXISTS (SELECT 1 FROM {staging} AS staged WHERE {same_key})
  AND NOT EXISTS (
    SELECT 1
    FROM provenance.quarantine AS kept
    WHERE kept.batch_id = %(batch_id)s AND kept.table_name = %(table_name)s AND kept.resolved_at IS NULL
      AND kept.row_key = concat_ws('|', {current_key})
  )
  AND current_row.publication_id NOT IN (
    SELECT publication_id
    FROM provenance.publication
    WHERE table_name = %(table_name)s AND read_at > %(read_at)s AND vintage_date >= %(not_before)s
  )
