-- The county of the current tenant's nearest property to a place, looked for in some cells; 00000 where no source names that county.
-- Parameters: cells (bigint array), latitude, longitude, east_scale (cosine of the latitude).
SELECT coalesce(county_fips, '00000') AS county_fips
FROM normalize.property
WHERE superseded_at = 'infinity' AND cell = ANY(%(cells)s::bigint[])
ORDER BY
    (latitude - %(latitude)s::float8) ^ 2 + ((longitude - %(longitude)s::float8) * %(east_scale)s::float8) ^ 2,
    property_id
LIMIT 1
