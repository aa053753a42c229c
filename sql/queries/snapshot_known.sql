-- The snapshot of a source with these bytes, if it was landed before. Parameters: source_name, snapshot_sha256.
SELECT snapshot_id, object_key, vintage_date, row_count
FROM ingest.snapshot
WHERE source_name = %(source_name)s AND snapshot_sha256 = %(snapshot_sha256)s
