-- Properties of the current tenant that may be twins of one: of its county and type, the next larger and the next smaller ones up to a
-- bound, each a walk along the index from the subject's living area; or, for a subject without a living area, others without one.
-- Parameters: county_fips, property_type, living_area_sqft (null = unknown), area_from and area_to (the bound), side_size (rows each way).
(
  SELECT property_id, situs_address, situs_city, situs_state, situs_zip, property_type, latitude, longitude, living_area_sqft,
         lot_area_sqft, year_built, bedroom_count, bathroom_count, condition_code, quality_code, last_sale_date,
         last_sale_price_usd::numeric(14,2) AS last_sale_price_usd, estimated_value_usd::numeric(14,2) AS estimated_value_usd, published_at
  FROM provenance.summary
  WHERE county_fips = %(county_fips)s AND property_type IS NOT DISTINCT FROM %(property_type)s::text AND superseded_at = 'infinity'
    AND living_area_sqft >= %(living_area_sqft)s::float8 AND living_area_sqft <= %(area_to)s::float8
  ORDER BY living_area_sqft, property_id
  LIMIT %(side_size)s
)
UNION ALL
(
  SELECT property_id, situs_address, situs_city, situs_state, situs_zip, property_type, latitude, longitude, living_area_sqft,
         lot_area_sqft, year_built, bedroom_count, bathroom_count, condition_code, quality_code, last_sale_date,
         last_sale_price_usd::numeric(14,2), estimated_value_usd::numeric(14,2), published_at
  FROM provenance.summary
  WHERE county_fips = %(county_fips)s AND property_type IS NOT DISTINCT FROM %(property_type)s::text AND superseded_at = 'infinity'
    AND living_area_sqft < %(living_area_sqft)s::float8 AND living_area_sqft >= %(area_from)s::float8
  ORDER BY living_area_sqft DESC, property_id
  LIMIT %(side_size)s
)
UNION ALL
(
  SELECT property_id, situs_address, situs_city, situs_state, situs_zip, property_type, latitude, longitude, living_area_sqft,
         lot_area_sqft, year_built, bedroom_count, bathroom_count, condition_code, quality_code, last_sale_date,
         last_sale_price_usd::numeric(14,2), estimated_value_usd::numeric(14,2), published_at
  FROM provenance.summary
  WHERE county_fips = %(county_fips)s AND property_type IS NOT DISTINCT FROM %(property_type)s::text AND superseded_at = 'infinity'
    AND living_area_sqft IS NULL AND %(living_area_sqft)s::float8 IS NULL
  ORDER BY property_id
  LIMIT 2 * %(side_size)s
)
