-- Insert every row that was set apart: it is new, or its old version was just closed. Composed with psycopg.sql: target, fresh,
-- columns, staged_columns, publication_id, published_at.
INSERT INTO {target} ({columns}, publication_id, published_at)
SELECT {staged_columns}, {publication_id}, {published_at}
FROM {fresh} AS staged
