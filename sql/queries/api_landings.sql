-- One page of the current tenant's attempts to land a file, the newest first, each with the batch that its bytes made, if any. Parameters:
-- after_at and after_id (landed_at and landing_id of the last of the page before, null = from the start), source_name, outcome (each
-- null = any), page_size.
SELECT landing.landing_id, landing.source_name, landing.file_name, landing.snapshot_sha256, landing.byte_count, landing.outcome,
       landing.reason, landing.remedy, landing.vintage_date, landing.row_count, landing.column_jaccard, landing.drift, landing.run_id,
       landing.landed_at, snapshot.batch_id
FROM ingest.landing AS landing
LEFT JOIN ingest.snapshot AS snapshot
  ON snapshot.source_name = landing.source_name AND snapshot.snapshot_sha256 = landing.snapshot_sha256
WHERE (landing.landed_at, landing.landing_id) < (
    coalesce(%(after_at)s::timestamptz, 'infinity'), coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
  )
  AND landing.source_name = coalesce(%(source_name)s::text, landing.source_name)
  AND landing.outcome = coalesce(%(outcome)s::text, landing.outcome)
ORDER BY landing.landed_at DESC, landing.landing_id DESC
LIMIT %(page_size)s
