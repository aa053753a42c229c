-- Kind, quality and surroundings of each property of the tenant, one row a version (features.property_character). Composed with psycopg.sql:
-- version (features_version).
SELECT
  p.tenant_id, p.property_id, p.event_at, p.until_at, p.observed_at,
  p.property_type, p.basement_area_sqft, p.year_renovated::bigint AS year_renovated, p.quality_code::bigint AS quality_code,
  p.has_waterfront, p.view_code::bigint AS view_code, p.county_fips, p.situs_zip
FROM (
{version}
) AS p
