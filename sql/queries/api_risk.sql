-- The hazard risk of one property of the current tenant, as of a moment. Parameters: property_id, as_of (null = now).
SELECT property_id, risk_score_low, risk_score_high, risk_class, dominant_hazard, unknown_hazard_count,
       publication_id, published_at
FROM score.risk
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
