-- The model that serves a county on a day: of the models promoted with an as-of date no later than that day the one of the newest, and
-- of several of that date the one promoted last. A rollback sets aside what was promoted before it with the same or a later as-of date;
-- a model set aside comes back by being promoted again. Parameters: county_fips, valuation_date.
SELECT
    m.model_id, m.county_fips, m.as_of_date, m.trained_at, m.method, m.seed, m.sale_count, m.window_from_date, m.window_to_date,
    m.snapshot_ids, m.code_version, m.parameters_sha256, m.artefact_sha256, m.object_key, m.card_key, m.page_key, m.metrics, m.verdict_id,
    m.is_passed, m.refusal, m.run_id, m.feature_service
FROM score.model AS m
JOIN score.promotion AS p ON p.tenant_id = m.tenant_id AND p.model_id = m.model_id
WHERE
    m.county_fips = %(county_fips)s
    AND m.as_of_date <= %(valuation_date)s
    AND m.is_passed
    AND NOT EXISTS (
        SELECT 1
        FROM score.promotion AS back
        JOIN score.model AS older ON older.tenant_id = back.tenant_id AND older.model_id = back.model_id
        WHERE
            back.county_fips = m.county_fips
            AND back.is_rollback
            AND back.promoted_at > p.promoted_at
            AND older.as_of_date <= m.as_of_date
    )
ORDER BY m.as_of_date DESC, p.promoted_at DESC
LIMIT 1
