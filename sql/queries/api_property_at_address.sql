-- The current tenant's properties at a standardised delivery line, with what a valuation asks of them. Parameters: situs_address,
-- situs_zip (null = any).
SELECT
    property_id, situs_address, county_fips, situs_zip, latitude, longitude, property_type, living_area_sqft, basement_area_sqft,
    lot_area_sqft, year_built, year_renovated, bedroom_count, bathroom_count, story_count, garage_space_count, condition_code, quality_code,
    has_waterfront, view_code
FROM normalize.property
WHERE
    superseded_at = 'infinity'
    AND situs_address = %(situs_address)s::text
    AND (%(situs_zip)s::text IS NULL OR situs_zip = %(situs_zip)s::text)
ORDER BY property_id
LIMIT 2
