-- The properties of a batch with what valuation asks of them.
-- Keys: batch_key (property_id).
SELECT
    p.property_id, p.property_type, p.latitude, p.longitude, p.living_area_sqft, p.lot_area_sqft, p.year_built,
    p.bedroom_count, p.bathroom_count, p.condition_code, p.quality_code
FROM normalize.property AS p
JOIN batch_key AS k ON p.property_id = k.property_id::uuid
WHERE p.superseded_at = 'infinity'
ORDER BY p.property_id
