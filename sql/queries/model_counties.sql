-- The counties of a batch's properties, and how many properties each has. Keys: batch_key (property_id).
SELECT coalesce(p.county_fips, '00000') AS county_fips, count(*) AS property_count
FROM normalize.property AS p
JOIN batch_key AS k ON p.property_id = k.property_id::uuid
WHERE p.superseded_at = 'infinity'
GROUP BY coalesce(p.county_fips, '00000')
ORDER BY county_fips
