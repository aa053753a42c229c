-- One property of the current tenant as twins are found by. Parameters: property_id.
SELECT property_id, county_fips, property_type, latitude, longitude, living_area_sqft, lot_area_sqft, year_built, bedroom_count,
       bathroom_count, condition_code, quality_code
FROM provenance.summary
WHERE property_id = %(property_id)s::uuid
  AND superseded_at = 'infinity'
