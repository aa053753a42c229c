-- One page of the current tenant's batches, the newest first, each with how many findings kept a row of it back, and how many of those
-- wait. Parameters: after_id (snapshot_id of the last of the page before, null = from the start), source_name (null = any), page_size.
SELECT snapshot.batch_id, snapshot.snapshot_id, snapshot.source_name, snapshot.file_name, snapshot.snapshot_sha256, snapshot.vintage_date,
       snapshot.row_count, snapshot.landed_at, kept_back.quarantined_count, kept_back.waiting_count
FROM ingest.snapshot AS snapshot
CROSS JOIN LATERAL (
  SELECT count(*) AS quarantined_count, count(*) FILTER (WHERE quarantine.resolved_at IS NULL) AS waiting_count
  FROM provenance.quarantine AS quarantine
  WHERE quarantine.batch_id = snapshot.batch_id
) AS kept_back
WHERE snapshot.snapshot_id < coalesce(%(after_id)s::integer, 2147483647)
  AND snapshot.source_name = coalesce(%(source_name)s::text, snapshot.source_name)
ORDER BY snapshot.snapshot_id DESC
LIMIT %(page_size)s
