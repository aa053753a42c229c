-- Every current record, of whatever source, about the properties of a batch.
-- Keys: batch_key (property_key).
SELECT
    r.tenant_id, r.source_name, r.record_key, r.snapshot_id, r.row_number, r.vintage_date, r.property_key, r.county_fips, r.apn_raw, r.apn,
    r.latitude, r.longitude, r.parcel_geom, r.situs_raw, r.situs_city, r.situs_state, r.situs_zip, r.owner_name, r.mailing_address,
    r.property_type, r.living_area_sqft, r.lot_area_sqft, r.basement_area_sqft, r.year_built, r.year_renovated, r.bedroom_count,
    r.bathroom_count, r.story_count, r.garage_space_count, r.condition_code, r.quality_code, r.assessed_value_usd, r.list_price_usd,
    r.list_date, r.sale_price_usd, r.sale_date, r.recording_date, r.document_number, r.sale_qualification, r.seller_name,
    r.has_waterfront, r.view_code
FROM ingest.record AS r
JOIN batch_key AS k ON r.property_key = k.property_key
WHERE r.superseded_at = 'infinity'
