-- Set apart the staged rows that say something new: those without a current version, and those that differ from it. One pass over
-- both tables serves the closing and the inserting; a batch that changes nothing sets nothing apart. Composed with psycopg.sql:
-- fresh, staging, target, same_key, current_values, staged_values.
CREATE TEMPORARY TABLE {fresh} ON COMMIT DROP AS
SELECT staged.*, current_row.tenant_id IS NOT NULL AS is_replacing
FROM {staging} AS staged
LEFT JOIN {target} AS current_row ON {same_key} AND current_row.superseded_at = 'infinity'
WHERE current_row.tenant_id IS NULL OR ({current_values}) IS DISTINCT FROM ({staged_values})
