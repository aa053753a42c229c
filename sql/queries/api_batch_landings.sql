-- Every attempt of the current tenant to land these bytes as this source, the newest first. Parameters: source_name, snapshot_sha256.
SELECT landing_id, outcome, reason, remedy, run_id, landed_at
FROM ingest.landing
WHERE source_name = %(source_name)s AND snapshot_sha256 = %(snapshot_sha256)s
ORDER BY landed_at DESC, landing_id
