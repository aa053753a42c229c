-- Properties of which this batch's publication closed a record: its newer file no longer has the row, or says it of another property.
-- Parameters: source_name, batch_id.
SELECT DISTINCT r.property_key
FROM ingest.record AS r
JOIN provenance.publication AS p
    ON p.table_name = 'ingest.record' AND p.partition_name = r.source_name AND p.published_at = r.superseded_at
WHERE r.source_name = %(source_name)s AND p.batch_id = %(batch_id)s
