-- When the current tenant's data were last published. No parameters.
SELECT published_at
FROM provenance.publication
ORDER BY publication_id DESC
LIMIT 1
