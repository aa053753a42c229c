-- The latest publication of the current tenant of each table. Parameters: table_names.
SELECT latest.table_name, latest.publication_id, latest.partition_name, latest.batch_id, latest.vintage_date, latest.rows_in,
       latest.rows_published, latest.code_version, latest.run_id, latest.published_at
FROM unnest(%(table_names)s::text[]) AS wanted (table_name)
CROSS JOIN LATERAL (
  SELECT table_name, publication_id, partition_name, batch_id, vintage_date, rows_in, rows_published, code_version, run_id, published_at
  FROM provenance.publication
  WHERE publication.table_name = wanted.table_name
  ORDER BY publication.publication_id DESC
  LIMIT 1
) AS latest
