-- Write down what a publication did. Parameters: publication_id, rows_published, rows_closed, rows_unchanged.
UPDATE provenance.publication
SET rows_published = %(rows_published)s, rows_closed = %(rows_closed)s, rows_unchanged = %(rows_unchanged)s
WHERE publication_id = %(publication_id)s
