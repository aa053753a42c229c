-- What the current tenant's market was last made of: how many publications changed it, and when the last one did. While both stand, every
-- sale, property and finding stands.
SELECT count(*) AS publication_count, max(published_at) AS published_at
FROM provenance.publication
WHERE table_name IN ('normalize.sale', 'normalize.property', 'score.sale_validation')
