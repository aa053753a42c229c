-- The snapshot that makes a batch. Parameters: batch_id.
SELECT snapshot_id, source_name, file_name, snapshot_sha256, object_key, vintage_date, header
FROM ingest.snapshot
WHERE batch_id = %(batch_id)s
