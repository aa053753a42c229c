-- One property of the current tenant, as of a moment. Parameters: property_id, as_of (null = now).
SELECT property_id, snapshot_ids, row_numbers, derivation_id, property_key, county_fips, apn, apn_raw, situs_raw,
       situs_address, situs_number, situs_street, situs_unit, situs_confidence, situs_flags, situs_city, situs_state,
       situs_zip, latitude, longitude, cell, ST_AsGeoJSON(parcel_geom, 7) AS parcel_geom, owner_name, mailing_address,
       property_type, living_area_sqft, lot_area_sqft, basement_area_sqft, year_built, year_renovated, bedroom_count,
       bathroom_count, story_count, garage_space_count, condition_code, quality_code, assessed_value_usd,
       list_price_usd, list_date, has_waterfront, view_code, publication_id, published_at
FROM normalize.property
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
