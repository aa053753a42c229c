-- One page of the current tenant's models, the newest as-of date first, each with whether it serves its county today and when it was last
-- promoted. Parameters: after_date and after_id (as_of_date and model_id of the last of the page before, null = from the start),
-- model_id, county_fips, is_serving (each null = any), page_size.
WITH serving AS (
  -- Of each county the model that model_serving.sql finds for today.
  SELECT DISTINCT ON (m.county_fips) m.model_id
  FROM score.model AS m
  JOIN score.promotion AS p ON p.tenant_id = m.tenant_id AND p.model_id = m.model_id
  WHERE
    m.as_of_date <= current_date
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
  ORDER BY m.county_fips, m.as_of_date DESC, p.promoted_at DESC
)
SELECT model.model_id, model.county_fips, model.as_of_date, model.trained_at, model.method, model.seed, model.sale_count,
       model.window_from_date, model.window_to_date, model.code_version, model.parameters_sha256, model.artefact_sha256, model.metrics,
       model.is_passed, model.refusal, model.feature_service, model.run_id, model.page_key, model.verdict_id,
       model.model_id IN (SELECT serving.model_id FROM serving) AS is_serving,
       (SELECT max(promotion.promoted_at) FROM score.promotion WHERE promotion.model_id = model.model_id) AS promoted_at
FROM score.model AS model
WHERE (model.as_of_date, model.model_id) < (coalesce(%(after_date)s::date, 'infinity'), coalesce(%(after_id)s::text, ''))
  AND (%(model_id)s::text IS NULL OR model.model_id = %(model_id)s::text)
  AND (%(county_fips)s::text IS NULL OR model.county_fips = %(county_fips)s::text)
  AND (%(is_serving)s::boolean IS NULL OR (model.model_id IN (SELECT serving.model_id FROM serving)) = %(is_serving)s::boolean)
ORDER BY model.as_of_date DESC, model.model_id DESC
LIMIT %(page_size)s
