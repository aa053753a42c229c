-- Whether a run has written down how features are spread, as one row or none. Parameters: run_id.
SELECT run_id FROM features.profile WHERE run_id = %(run_id)s LIMIT 1
