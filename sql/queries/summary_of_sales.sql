-- The sales of a batch's properties, each with what is found of it over the whole market, or, before anything is, with what its own
-- record says.
-- Keys: batch_key (property_id).
SELECT
    s.property_id, s.sale_id, s.sale_price_usd, s.sale_date, coalesce(f.is_arms_length, s.is_arms_length) AS is_arms_length
FROM normalize.sale AS s
JOIN batch_key AS k ON s.property_id = k.property_id::uuid
LEFT JOIN score.sale_validation AS f
    ON f.tenant_id = s.tenant_id AND f.property_id = s.property_id AND f.sale_id = s.sale_id AND f.superseded_at = 'infinity'
WHERE s.superseded_at = 'infinity'
