-- Every sale of the tenant before a day, evidence of market value or not, with what was sold and what is known of the deal. The parties
-- stand as the sale's own source names them in the row that reports the sale; its owner is the buyer only while the property has no
-- later sale. Parameters: valuation_date.
WITH told AS (
    SELECT DISTINCT ON (r.source_name, r.property_key, r.sale_date, r.sale_price_usd)
        r.tenant_id, r.source_name, r.property_key, r.sale_date, r.sale_price_usd, r.seller_name, r.owner_name, r.sale_qualification
    FROM ingest.record AS r
    WHERE
        r.superseded_at = 'infinity' AND r.sale_date < %(valuation_date)s
        AND (r.seller_name IS NOT NULL OR r.sale_qualification IS NOT NULL)
    ORDER BY r.source_name, r.property_key, r.sale_date, r.sale_price_usd, r.record_key
),
latest AS (
    SELECT s.property_id, max(s.sale_date) AS sale_date
    FROM normalize.sale AS s
    WHERE s.superseded_at = 'infinity'
    GROUP BY s.property_id
)
SELECT
    s.sale_id, s.property_id, s.sale_price_usd::float8 AS sale_price_usd, s.sale_date, s.exclusion_reasons AS recorded_reasons,
    t.seller_name, CASE WHEN l.sale_date = s.sale_date THEN t.owner_name END AS buyer, s.document_number, t.sale_qualification,
    p.property_type, p.county_fips, p.situs_zip, p.latitude, p.longitude, p.living_area_sqft, p.basement_area_sqft, p.lot_area_sqft,
    p.year_built, p.year_renovated, p.bedroom_count, p.bathroom_count, p.story_count, p.garage_space_count, p.condition_code,
    p.quality_code, p.has_waterfront, p.view_code
FROM normalize.sale AS s
LEFT JOIN normalize.property AS p ON p.tenant_id = s.tenant_id AND p.property_id = s.property_id AND p.superseded_at = 'infinity'
LEFT JOIN latest AS l ON l.property_id = s.property_id
LEFT JOIN told AS t ON
    t.tenant_id = s.tenant_id AND t.source_name = s.source_name AND t.property_key = p.property_key
    AND t.sale_date = s.sale_date AND t.sale_price_usd = s.sale_price_usd
WHERE s.superseded_at = 'infinity' AND s.sale_date < %(valuation_date)s
ORDER BY s.sale_date, s.sale_id
