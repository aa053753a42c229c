-- The day that each snapshot of the tenant stands for.
SELECT snapshot_id, vintage_date
FROM ingest.snapshot
ORDER BY snapshot_id
