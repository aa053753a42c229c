-- The value of one property of the current tenant, as of a moment. Parameters: property_id, as_of (null = now).
SELECT property_id, valuation_date, estimated_value_usd, value_low_usd, value_high_usd, value_low_95_usd, value_high_95_usd,
       interval_level, fsd, confidence, confidence_band, comparable_count, refusal_reason, method, model_id,
       publication_id, published_at
FROM score.valuation
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
