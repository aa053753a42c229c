-- What the summary takes from the risks of a batch's properties.
-- Keys: batch_key (property_id).
SELECT r.property_id, r.unknown_hazard_count, r.risk_class, r.risk_score_low, r.risk_score_high
FROM score.risk AS r
JOIN batch_key AS k ON r.property_id = k.property_id::uuid
WHERE r.superseded_at = 'infinity'
