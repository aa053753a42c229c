-- The comparables that carry the value of one property of the current tenant, as of a moment. Parameters: property_id, as_of (null = now).
SELECT comparable_rank, sale_id, weight, distance_m, sale_age_days, sale_price_usd, market_time_adjustment_usd,
       living_area_adjustment_usd, lot_area_adjustment_usd, year_built_adjustment_usd, bedroom_adjustment_usd, bathroom_adjustment_usd,
       condition_adjustment_usd, quality_adjustment_usd, basement_adjustment_usd, waterfront_adjustment_usd, view_adjustment_usd,
       adjusted_price_usd, publication_id
FROM score.comparable
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
ORDER BY comparable_rank
