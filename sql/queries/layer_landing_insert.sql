-- One attempt to load a layer. Parameters: the columns of reference.layer_landing but landed_at.
INSERT INTO reference.layer_landing (
  landing_id, source_name, file_name, snapshot_sha256, outcome, reason, remedy, layer_id, piece_count, run_id, landed_at
) VALUES (
  %(landing_id)s, %(source_name)s, %(file_name)s, %(snapshot_sha256)s, %(outcome)s, %(reason)s, %(remedy)s, %(layer_id)s, %(piece_count)s,
  %(run_id)s, clock_timestamp()
)
