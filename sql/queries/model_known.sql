-- One model of the tenant. Parameters: model_id.
SELECT
    model_id, county_fips, as_of_date, trained_at, method, seed, sale_count, window_from_date, window_to_date, snapshot_ids, code_version,
    parameters_sha256, artefact_sha256, object_key, card_key, page_key, metrics, verdict_id, is_passed, refusal, run_id,
    feature_service
FROM score.model
WHERE model_id = %(model_id)s
