-- The landing attempts of runs of the current tenant. Parameters: run_ids.
SELECT source_name, file_name, outcome, row_count, column_jaccard, reason
FROM ingest.landing
WHERE run_id = ANY (%(run_ids)s)
ORDER BY landed_at
