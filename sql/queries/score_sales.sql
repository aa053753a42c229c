-- Arm's-length sales of the tenant before a valuation date, with what was sold; the future is not read at all.
-- Parameters: earliest_sale_date, valuation_date.
SELECT
    s.sale_id, s.property_id, s.sale_price_usd::float8 AS sale_price_usd, s.sale_date,
    p.property_type, p.latitude, p.longitude, p.living_area_sqft, p.lot_area_sqft, p.year_built,
    p.bedroom_count, p.bathroom_count, p.condition_code, p.quality_code
FROM normalize.sale AS s
JOIN normalize.property AS p ON p.tenant_id = s.tenant_id AND p.property_id = s.property_id AND p.superseded_at = 'infinity'
WHERE
    s.superseded_at = 'infinity'
    AND s.is_arms_length
    AND s.sale_date >= %(earliest_sale_date)s
    AND s.sale_date < %(valuation_date)s
    AND s.sale_price_usd > 0
    AND p.latitude IS NOT NULL
    AND p.longitude IS NOT NULL
    AND p.living_area_sqft > 0
    AND p.property_type IS NOT NULL
ORDER BY s.sale_date, s.sale_id
