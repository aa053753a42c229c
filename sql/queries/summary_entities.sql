-- What of the current tenant is to be online: every property, and every county whose market is known. No parameters.
SELECT 'property_id' AS entity_name, property_id::text AS entity_id FROM normalize.property WHERE superseded_at = 'infinity'
UNION ALL
SELECT DISTINCT 'county_fips', county_fips FROM features.market WHERE superseded_at = 'infinity'
