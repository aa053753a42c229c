-- Insert every staged row that has no current version (it is new, or its old version was just closed). Composed with psycopg.sql:
-- target, staging, columns, staged_columns, same_key, publication_id, published_at.
INSERT INTO {target} ({columns}, publication_id, published_at)
SELECT {staged_columns}, {publication_id}, {published_at}
FROM {staging} AS staged
WHERE NOT EXISTS (SELECT 1 FROM {target} AS current_row WHERE {same_key} AND current_row.superseded_at = 'infinity')
