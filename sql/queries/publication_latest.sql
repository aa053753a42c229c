-- The newest publication of one partition of one table of the current tenant. Parameters: table_name, partition_name.
SELECT vintage_date, input_sha256
FROM provenance.publication
WHERE table_name = %(table_name)s AND partition_name = %(partition_name)s
ORDER BY publication_id DESC
LIMIT 1
