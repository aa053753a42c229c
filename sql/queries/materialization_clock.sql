-- The database's clock, and a time for the next row of the books of the features of the current tenant: now, or just after the newest of
-- them where a clock was set back. No parameters.
SELECT
  t.now,
  greatest(
    t.now,
    (SELECT max(m.materialized_at) FROM features.materialization AS m) + interval '1 microsecond',
    (SELECT max(p.profiled_at) FROM features.profile AS p) + interval '1 microsecond'
  ) AS next_at
FROM (SELECT clock_timestamp() AS now) AS t
