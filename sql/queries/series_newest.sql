-- The number that the next version of any series gets, and the newest vintage loaded of one, null where there is none. The caller holds
-- the lock of the series. Parameters: source_name.
SELECT
  coalesce(max(series_id), 0) + 1 AS series_id,
  max(vintage_date) FILTER (WHERE source_name = %(source_name)s) AS vintage_date
FROM reference.market_series
