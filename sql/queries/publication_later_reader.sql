-- Whether somebody who read later has already published into this table. Parameters: table_name, read_at, not_before (a publication
-- of an older vintage does not count).
SELECT 1
FROM provenance.publication
WHERE table_name = %(table_name)s AND read_at > %(read_at)s AND vintage_date >= %(not_before)s
LIMIT 1
