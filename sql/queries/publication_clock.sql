-- The time of the next version of a table: now, or just after its newest version where the clock was set back. Parameters: table_name.
SELECT greatest(clock_timestamp(), max(published_at) + interval '1 microsecond') FROM provenance.publication WHERE table_name = %(table_name)s
