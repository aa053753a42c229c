-- The properties of a batch with what valuation asks of them, and the day for which each is valued already.
-- Keys: batch_key (property_id).
SELECT
    p.property_id, p.property_type, p.county_fips, p.situs_zip, p.latitude, p.longitude, p.living_area_sqft, p.basement_area_sqft,
    p.lot_area_sqft, p.year_built, p.year_renovated, p.bedroom_count, p.bathroom_count, p.story_count, p.garage_space_count,
    p.condition_code, p.quality_code, p.has_waterfront, p.view_code, v.valuation_date AS valued_on
FROM normalize.property AS p
JOIN batch_key AS k ON p.property_id = k.property_id::uuid
LEFT JOIN score.valuation AS v ON v.tenant_id = p.tenant_id AND v.property_id = p.property_id AND v.superseded_at = 'infinity'
WHERE p.superseded_at = 'infinity'
ORDER BY p.property_id
