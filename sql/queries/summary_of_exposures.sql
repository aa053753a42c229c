-- What the summary takes from the hazards of a batch's properties.
-- Keys: batch_key (property_id).
SELECT
    e.property_id, e.flood_zone, e.is_in_sfha, e.flood_score, e.wildfire_score, e.heat_score, e.seismic_score,
    e.composite_low, e.composite_high
FROM hazard.exposure AS e
JOIN batch_key AS k ON e.property_id = k.property_id::uuid
WHERE e.superseded_at = 'infinity'
