-- Of some tables of the current tenant, the publication that went online last of those that brought or closed rows. Parameters:
-- table_names.
SELECT DISTINCT ON (p.table_name) p.publication_id, p.table_name
FROM provenance.publication AS p
JOIN features.materialization AS m ON m.tenant_id = p.tenant_id AND m.publication_id = p.publication_id
WHERE p.table_name = ANY (%(table_names)s) AND p.rows_published + p.rows_closed > 0
ORDER BY p.table_name, p.publication_id DESC
