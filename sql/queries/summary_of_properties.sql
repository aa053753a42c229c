-- What the summary takes from the properties of a batch themselves.
-- Keys: batch_key (property_id).
SELECT
    p.property_id, p.county_fips, p.apn, p.situs_address, p.situs_city, p.situs_state, p.situs_zip, p.latitude, p.longitude, p.cell,
    p.property_type, p.living_area_sqft, p.lot_area_sqft, p.year_built, p.bedroom_count, p.bathroom_count, p.condition_code,
    p.quality_code, p.has_waterfront, p.owner_name, p.assessed_value_usd, p.list_price_usd
FROM normalize.property AS p
JOIN batch_key AS k ON p.property_id = k.property_id::uuid
WHERE p.superseded_at = 'infinity'
ORDER BY p.property_id
