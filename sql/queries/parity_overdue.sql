-- The publications of some tables of the current tenant that brought or closed rows and have waited too long to go online, oldest first.
-- Parameters: table_names, patience (an interval).
SELECT p.publication_id, p.table_name, p.published_at
FROM provenance.publication AS p
WHERE p.table_name = ANY (%(table_names)s) AND p.rows_published + p.rows_closed > 0
  AND p.published_at < clock_timestamp() - %(patience)s::interval
  AND NOT EXISTS (SELECT FROM features.materialization AS m WHERE m.publication_id = p.publication_id)
ORDER BY p.published_at, p.publication_id
