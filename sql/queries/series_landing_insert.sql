-- One attempt to load a market series. Parameters: the columns of reference.series_landing but landed_at.
INSERT INTO reference.series_landing (
  landing_id, source_name, file_name, snapshot_sha256, outcome, reason, remedy, series_id, value_count, changed_count, run_id, landed_at
) VALUES (
  %(landing_id)s, %(source_name)s, %(file_name)s, %(snapshot_sha256)s, %(outcome)s, %(reason)s, %(remedy)s, %(series_id)s,
  %(value_count)s, %(changed_count)s, %(run_id)s, clock_timestamp()
)
