-- The model of the current tenant that serves a county on a day, by what had been promoted at a moment; chosen as model_serving.sql
-- chooses. Parameters: county_fips, valuation_date (null = the newest), as_of (null = now).
SELECT m.model_id, m.county_fips, m.as_of_date, m.artefact_sha256, m.object_key, m.page_key
FROM score.model AS m
JOIN score.promotion AS p ON p.tenant_id = m.tenant_id AND p.model_id = m.model_id
WHERE
    m.county_fips = %(county_fips)s::text
    AND m.as_of_date <= coalesce(%(valuation_date)s::date, 'infinity')
    AND m.is_passed
    AND p.promoted_at <= coalesce(%(as_of)s::timestamptz, 'infinity')
    AND NOT EXISTS (
        SELECT 1
        FROM score.promotion AS back
        JOIN score.model AS older ON older.tenant_id = back.tenant_id AND older.model_id = back.model_id
        WHERE
            back.county_fips = m.county_fips
            AND back.is_rollback
            AND back.promoted_at <= coalesce(%(as_of)s::timestamptz, 'infinity')
            AND back.promoted_at > p.promoted_at
            AND older.as_of_date <= m.as_of_date
    )
ORDER BY m.as_of_date DESC, p.promoted_at DESC
LIMIT 1
