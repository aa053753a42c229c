-- Whether somebody who read later has already published into this table. Parameters: table_name, read_at.
SELECT 1 FROM provenance.publication WHERE table_name = %(table_name)s AND read_at > %(read_at)s LIMIT 1
