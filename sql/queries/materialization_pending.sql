-- The publications of some tables of the current tenant that have not gone online, oldest number first. What is pending is known by its
-- number, never by a time: a clock that was set back hides nothing. Parameters: table_names.
SELECT p.publication_id, p.table_name
FROM provenance.publication AS p
WHERE p.table_name = ANY (%(table_names)s)
  AND NOT EXISTS (SELECT FROM features.materialization AS m WHERE m.publication_id = p.publication_id)
ORDER BY p.publication_id
