-- The sales of a batch's properties, each with the last value that was published before the sale was known and that stands for a day
-- before the sale. A sale is known from the first version of any sale of that property on that day: a corrected price or instrument
-- makes another row, but was no news. A refusal gives no value, so the value before it counts.
-- Keys: batch_key (property_id).
WITH
told AS (
    SELECT s.tenant_id, s.sale_id, s.property_id, s.sale_date, s.sale_price_usd, s.is_arms_length, s.superseded_at,
        min(s.published_at) OVER (PARTITION BY s.property_id, s.sale_date) AS known_at
    FROM normalize.sale AS s
    JOIN batch_key AS k ON s.property_id = k.property_id::uuid
)
SELECT DISTINCT ON (t.sale_id)
    t.sale_id, t.property_id, t.sale_date, t.sale_price_usd, t.is_arms_length,
    v.valuation_date, v.published_at AS valued_published_at, v.model_id,
    v.estimated_value_usd, v.value_low_usd, v.value_high_usd, v.value_low_95_usd, v.value_high_95_usd
FROM told AS t
JOIN score.valuation AS v ON v.tenant_id = t.tenant_id AND v.property_id = t.property_id
WHERE
    t.superseded_at = 'infinity'
    AND t.sale_price_usd > 0
    AND v.estimated_value_usd IS NOT NULL
    AND v.valuation_date < t.sale_date
    AND v.published_at < t.known_at
ORDER BY t.sale_id, v.published_at DESC
