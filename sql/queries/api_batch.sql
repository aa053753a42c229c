-- One batch of the current tenant, with how many findings kept a row of it back, and how many of those wait. Parameters: batch_id.
SELECT snapshot.batch_id, snapshot.snapshot_id, snapshot.source_name, snapshot.file_name, snapshot.snapshot_sha256, snapshot.vintage_date,
       snapshot.row_count, snapshot.landed_at, kept_back.quarantined_count, kept_back.waiting_count
FROM ingest.snapshot AS snapshot
CROSS JOIN LATERAL (
  SELECT count(*) AS quarantined_count, count(*) FILTER (WHERE quarantine.resolved_at IS NULL) AS waiting_count
  FROM provenance.quarantine AS quarantine
  WHERE quarantine.batch_id = snapshot.batch_id
) AS kept_back
WHERE snapshot.batch_id = %(batch_id)s
