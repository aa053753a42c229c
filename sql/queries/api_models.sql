-- The newest models of the current tenant, for the index of its Data Docs. Parameters: row_limit.
SELECT
    m.model_id, m.county_fips, m.as_of_date, m.trained_at, m.sale_count, m.is_passed, m.refusal, m.page_key,
    (SELECT max(p.promoted_at) FROM score.promotion AS p WHERE p.tenant_id = m.tenant_id AND p.model_id = m.model_id) AS promoted_at
FROM score.model AS m
ORDER BY m.trained_at DESC, m.model_id
LIMIT %(row_limit)s
