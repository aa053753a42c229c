-- The publications of the current tenant that went online after a batch of features was staged: those which were pending then, and
-- those newer than the newest that it saw of their table. Parameters: publication_ids (pending then), table_names, newest_ids (of these
-- tables, in the same order).
SELECT m.publication_id, m.table_name
FROM features.materialization AS m
WHERE m.publication_id = ANY (%(publication_ids)s)
  OR EXISTS (
    SELECT FROM unnest(%(table_names)s::text[], %(newest_ids)s::bigint[]) AS newest (table_name, publication_id)
    WHERE newest.table_name = m.table_name AND m.publication_id > newest.publication_id
  )
