-- Of each table behind the current tenant's features the publication that went online last: within a table numbers always grow, whatever
-- the clock says. Parameters: table_names.
SELECT asked.table_name, online.publication_id, online.entity_count, online.run_id, online.materialized_at
FROM unnest(%(table_names)s::text[]) AS asked (table_name)
CROSS JOIN LATERAL (
  SELECT one.publication_id, one.entity_count, one.run_id, one.materialized_at
  FROM features.materialization AS one
  WHERE one.table_name = asked.table_name
  ORDER BY one.publication_id DESC
  LIMIT 1
) AS online
ORDER BY asked.table_name
