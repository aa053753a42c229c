-- Whether a run of the drift watch is written down already, as one row or none. Parameters: run_id.
SELECT run_id FROM score.drift WHERE run_id = %(run_id)s LIMIT 1
