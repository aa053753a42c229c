-- A model of the current tenant: what it was trained on, by which code, and its page. A model never changes. Parameters: model_id.
SELECT model_id, county_fips, as_of_date, trained_at, sale_count, window_from_date, window_to_date, snapshot_ids, code_version,
       artefact_sha256, page_key
FROM score.model
WHERE model_id = %(model_id)s
