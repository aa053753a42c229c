-- The current tenant's valid sales in one county, with what was sold, as a model compares with them: found valid over the whole market, or,
-- where nothing was found yet, by their own record. One JSON object of arrays, a column each, because a county has many rows.
-- Parameters: county_fips (00000 = no source names the county).
SELECT json_build_object(
    'sale_id', json_agg(sale.sale_id), 'property_id', json_agg(sale.property_id), 'sale_price_usd', json_agg(sale.sale_price_usd),
    'sale_date', json_agg(sale.sale_date), 'situs_address', json_agg(p.situs_address), 'situs_city', json_agg(p.situs_city),
    'situs_zip', json_agg(p.situs_zip), 'property_type', json_agg(p.property_type), 'county_fips', json_agg(p.county_fips),
    'latitude', json_agg(p.latitude), 'longitude', json_agg(p.longitude), 'living_area_sqft', json_agg(p.living_area_sqft),
    'basement_area_sqft', json_agg(p.basement_area_sqft), 'lot_area_sqft', json_agg(p.lot_area_sqft), 'year_built', json_agg(p.year_built),
    'year_renovated', json_agg(p.year_renovated), 'bedroom_count', json_agg(p.bedroom_count), 'bathroom_count', json_agg(p.bathroom_count),
    'story_count', json_agg(p.story_count), 'garage_space_count', json_agg(p.garage_space_count),
    'condition_code', json_agg(p.condition_code), 'quality_code', json_agg(p.quality_code),
    'has_waterfront', json_agg(p.has_waterfront::int), 'view_code', json_agg(p.view_code)
)::text AS columns
FROM normalize.sale AS sale
JOIN normalize.property AS p ON p.property_id = sale.property_id AND p.superseded_at = 'infinity'
LEFT JOIN score.sale_validation AS found
    ON found.property_id = sale.property_id AND found.sale_id = sale.sale_id AND found.superseded_at = 'infinity'
WHERE
    sale.superseded_at = 'infinity'
    AND coalesce(found.is_arms_length, sale.is_arms_length)
    AND coalesce(p.county_fips, '00000') = %(county_fips)s::text
