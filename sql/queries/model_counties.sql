-- The counties of a batch's properties with the days for which they are to be valued: the batch's own, or the newer one for which a
-- property is valued already. Keys: batch_key (property_id). Parameters: vintage_date.
SELECT
    coalesce(p.county_fips, '00000') AS county_fips,
    greatest(%(vintage_date)s::date, v.valuation_date) AS valuation_date,
    count(*) AS property_count
FROM normalize.property AS p
JOIN batch_key AS k ON p.property_id = k.property_id::uuid
LEFT JOIN score.valuation AS v ON v.tenant_id = p.tenant_id AND v.property_id = p.property_id AND v.superseded_at = 'infinity'
WHERE p.superseded_at = 'infinity'
GROUP BY 1, 2
ORDER BY 1, 2
