-- The properties of a batch: how each was made, which traced fields have a value (bit n is the n-th of
-- estate.provenance.trust.TRACED_FIELDS; a test compares), and the newest record that still speaks of it.
-- Keys: batch_key (property_id).
WITH newest AS (
    SELECT r.property_key, max(r.vintage_date) AS newest_vintage_date
    FROM ingest.record AS r
    JOIN normalize.property AS p ON p.property_key = r.property_key AND p.superseded_at = 'infinity'
    JOIN batch_key AS k ON p.property_id = k.property_id::uuid
    WHERE r.superseded_at = 'infinity'
    GROUP BY r.property_key
)
SELECT
    p.property_id, p.derivation_id, array_to_string(p.snapshot_ids, ',') AS snapshot_list,
    coalesce(cardinality(p.situs_flags), 0) > 0 AS has_situs_flags,
    (
        CASE WHEN p.county_fips IS NULL THEN 0 ELSE 1::bigint << 0 END
        + CASE WHEN p.apn IS NULL THEN 0 ELSE 1::bigint << 1 END
        + CASE WHEN p.apn_raw IS NULL THEN 0 ELSE 1::bigint << 2 END
        + CASE WHEN p.situs_raw IS NULL THEN 0 ELSE 1::bigint << 3 END
        + CASE WHEN p.situs_address IS NULL THEN 0 ELSE 1::bigint << 4 END
        + CASE WHEN p.situs_number IS NULL THEN 0 ELSE 1::bigint << 5 END
        + CASE WHEN p.situs_street IS NULL THEN 0 ELSE 1::bigint << 6 END
        + CASE WHEN p.situs_unit IS NULL THEN 0 ELSE 1::bigint << 7 END
        + CASE WHEN p.situs_city IS NULL THEN 0 ELSE 1::bigint << 8 END
        + CASE WHEN p.situs_state IS NULL THEN 0 ELSE 1::bigint << 9 END
        + CASE WHEN p.situs_zip IS NULL THEN 0 ELSE 1::bigint << 10 END
        + CASE WHEN p.latitude IS NULL THEN 0 ELSE 1::bigint << 11 END
        + CASE WHEN p.longitude IS NULL THEN 0 ELSE 1::bigint << 12 END
        + CASE WHEN p.parcel_geom IS NULL THEN 0 ELSE 1::bigint << 13 END
        + CASE WHEN p.owner_name IS NULL THEN 0 ELSE 1::bigint << 14 END
        + CASE WHEN p.mailing_address IS NULL THEN 0 ELSE 1::bigint << 15 END
        + CASE WHEN p.property_type IS NULL THEN 0 ELSE 1::bigint << 16 END
        + CASE WHEN p.living_area_sqft IS NULL THEN 0 ELSE 1::bigint << 17 END
        + CASE WHEN p.lot_area_sqft IS NULL THEN 0 ELSE 1::bigint << 18 END
        + CASE WHEN p.basement_area_sqft IS NULL THEN 0 ELSE 1::bigint << 19 END
        + CASE WHEN p.year_built IS NULL THEN 0 ELSE 1::bigint << 20 END
        + CASE WHEN p.year_renovated IS NULL THEN 0 ELSE 1::bigint << 21 END
        + CASE WHEN p.bedroom_count IS NULL THEN 0 ELSE 1::bigint << 22 END
        + CASE WHEN p.bathroom_count IS NULL THEN 0 ELSE 1::bigint << 23 END
        + CASE WHEN p.story_count IS NULL THEN 0 ELSE 1::bigint << 24 END
        + CASE WHEN p.garage_space_count IS NULL THEN 0 ELSE 1::bigint << 25 END
        + CASE WHEN p.condition_code IS NULL THEN 0 ELSE 1::bigint << 26 END
        + CASE WHEN p.quality_code IS NULL THEN 0 ELSE 1::bigint << 27 END
        + CASE WHEN p.assessed_value_usd IS NULL THEN 0 ELSE 1::bigint << 28 END
        + CASE WHEN p.list_price_usd IS NULL THEN 0 ELSE 1::bigint << 29 END
        + CASE WHEN p.list_date IS NULL THEN 0 ELSE 1::bigint << 30 END
        + CASE WHEN p.has_waterfront IS NULL THEN 0 ELSE 1::bigint << 31 END
        + CASE WHEN p.view_code IS NULL THEN 0 ELSE 1::bigint << 32 END
    ) AS present,
    n.newest_vintage_date
FROM normalize.property AS p
JOIN batch_key AS k ON p.property_id = k.property_id::uuid
LEFT JOIN newest AS n ON n.property_key = p.property_key
WHERE p.superseded_at = 'infinity'
ORDER BY p.property_id
