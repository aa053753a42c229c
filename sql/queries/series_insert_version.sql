-- Enter a version of a series. Parameters: the columns of reference.market_series but loaded_at.
INSERT INTO reference.market_series (
  series_id, source_name, measure, vintage_date, authority, snapshot_sha256, object_key, file_name, value_count, changed_count, run_id,
  loaded_at
) VALUES (
  %(series_id)s, %(source_name)s, %(measure)s, %(vintage_date)s, %(authority)s, %(snapshot_sha256)s, %(object_key)s, %(file_name)s,
  %(value_count)s, %(changed_count)s, %(run_id)s, clock_timestamp()
)
