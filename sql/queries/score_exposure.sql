-- The hazards of the properties of a batch.
-- Keys: batch_key (property_id).
SELECT
    e.property_id, e.composite_low, e.composite_high, e.unknown_hazards,
    e.flood_score, e.wildfire_score, e.heat_score, e.seismic_score
FROM hazard.exposure AS e
JOIN batch_key AS k ON e.property_id = k.property_id::uuid
WHERE e.superseded_at = 'infinity'
ORDER BY e.property_id
