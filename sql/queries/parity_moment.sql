-- The present moment, or that of the newest publication of some tables of the current tenant where the clock was set back since; the time
-- of an audit, which is always later than those before it, however the clock was set; and how often a run has audited before.
-- Parameters: table_names, run_id.
SELECT
  greatest(now(), (SELECT max(p.published_at) FROM provenance.publication AS p WHERE p.table_name = ANY (%(table_names)s))) AS as_of_at,
  greatest(clock_timestamp(), (SELECT max(f.audited_at) FROM features.parity AS f) + interval '1 microsecond') AS audited_at,
  (SELECT count(DISTINCT f.run_id) FROM features.parity AS f
   WHERE f.run_id = %(run_id)s OR starts_with(f.run_id, %(run_id)s || '#')) AS audit_count
