-- The current sales of the tenant in counties that are known, with the source that reports each. A sale of a later day than the file that
-- reports it stands for is a slip of the pen and left out. No parameters.
SELECT s.property_id, p.county_fips, s.source_name, s.sale_date, s.sale_price_usd::float8 AS sale_price_usd, s.is_arms_length
FROM normalize.sale AS s
JOIN normalize.property AS p ON p.tenant_id = s.tenant_id AND p.property_id = s.property_id AND p.superseded_at = 'infinity'
JOIN ingest.snapshot AS n ON n.tenant_id = s.tenant_id AND n.snapshot_id = s.snapshot_id
WHERE s.superseded_at = 'infinity' AND s.sale_date <= n.vintage_date AND p.county_fips IS NOT NULL
ORDER BY p.county_fips, s.sale_date, s.sale_id
