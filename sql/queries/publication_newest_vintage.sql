-- The newest vintage published of one partition; null when nothing is. Parameters: table_name, partition_name.
SELECT max(vintage_date) AS vintage_date
FROM provenance.publication
WHERE table_name = %(table_name)s AND partition_name = %(partition_name)s
