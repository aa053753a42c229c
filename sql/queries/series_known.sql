-- The newest version of a series, if it was loaded from exactly these bytes. Bytes of an earlier version are not known: what was said
-- since would otherwise never be taken back. Parameters: source_name, snapshot_sha256.
SELECT n.series_id, n.value_count
FROM (
  SELECT v.series_id, v.value_count, v.snapshot_sha256
  FROM reference.market_series AS v
  WHERE v.source_name = %(source_name)s
  ORDER BY v.series_id DESC
  LIMIT 1
) AS n
WHERE n.snapshot_sha256 = %(snapshot_sha256)s
