-- The time and the least number of the next version of a table: now, or just after its newest version where a clock was set back or
-- runs behind. Parameters: table_name.
SELECT greatest(clock_timestamp(), max(published_at) + interval '1 microsecond') AS published_at, coalesce(max(publication_id), 0) + 1 AS least_id
FROM provenance.publication
WHERE table_name = %(table_name)s
