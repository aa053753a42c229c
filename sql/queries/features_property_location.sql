-- Where each property of the tenant stands, one row a version (features.property_location). Composed with psycopg.sql:
-- version (features_version).
SELECT
  p.tenant_id, p.property_id, p.event_at, p.until_at, p.observed_at,
  p.latitude, p.longitude, NULL::float8 AS distance_to_cbd_m, NULL::float8 AS distance_to_transit_m, NULL::float8 AS distance_to_school_m,
  NULL::float8 AS school_rating, NULL::float8 AS walk_score, NULL::float8 AS crime_index, NULL::float8 AS noise_level_db,
  NULL::float8 AS tract_median_income_usd, NULL::float8 AS population_density
FROM (
{version}
) AS p
