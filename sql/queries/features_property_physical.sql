-- The building and its lot of each property of the tenant, one row a version (features.property_physical). Composed with psycopg.sql:
-- version (features_version).
SELECT
  p.tenant_id, p.property_id, p.event_at, p.until_at, p.observed_at,
  p.living_area_sqft, p.lot_area_sqft, p.year_built::bigint AS year_built, p.bedroom_count, p.bathroom_count, p.story_count,
  p.garage_space_count, NULL::boolean AS has_pool, NULL::boolean AS has_fireplace, p.condition_code::bigint AS condition_code,
  CASE WHEN p.year_renovated <= extract(year FROM p.event_at AT TIME ZONE 'UTC')
    THEN extract(year FROM p.event_at AT TIME ZONE 'UTC')::bigint - p.year_renovated END AS years_since_renovation
FROM (
{version}
) AS p
