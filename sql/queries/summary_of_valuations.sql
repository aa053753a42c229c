-- What the summary takes from the values, or refusals, of a batch's properties.
-- Keys: batch_key (property_id).
SELECT
    v.property_id, v.valuation_date, v.estimated_value_usd, v.value_low_usd, v.value_high_usd, v.confidence, v.confidence_band,
    v.refusal_reason
FROM score.valuation AS v
JOIN batch_key AS k ON v.property_id = k.property_id::uuid
WHERE v.superseded_at = 'infinity'
