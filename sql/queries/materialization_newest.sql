-- The newest publication of each of some tables of the current tenant; within a table numbers always grow. Parameters: table_names.
SELECT DISTINCT ON (table_name) table_name, publication_id, (published_at AT TIME ZONE 'UTC')::date AS published_date
FROM provenance.publication
WHERE table_name = ANY (%(table_names)s)
ORDER BY table_name, publication_id DESC
