-- The counties in which the tenant has sales on record, each with the day after its newest sale. A sale dated after today is a slip of the
-- pen; a model as of the day after it would never serve.
SELECT coalesce(p.county_fips, '00000') AS county_fips, max(s.sale_date) + 1 AS day_after_date
FROM normalize.sale AS s
JOIN normalize.property AS p ON p.tenant_id = s.tenant_id AND p.property_id = s.property_id AND p.superseded_at = 'infinity'
WHERE s.superseded_at = 'infinity' AND s.is_arms_length AND s.sale_date <= current_date
GROUP BY coalesce(p.county_fips, '00000')
ORDER BY county_fips
