-- How far the ledger of the current tenant reaches; unchanged while nothing is published. No parameters.
SELECT coalesce(max(publication_id), 0) AS publication_id FROM provenance.publication
