-- The quartiles of each attribute in one county of the current tenant; of areas those of their logarithm. Of a larger county the first
-- properties by identifier are looked at: identifiers are digests, so that is a sample at random, and the same each time.
-- Parameters: county_fips, sample_size.
SELECT
  percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY ln(nullif(greatest(living_area_sqft, 0), 0))) AS living_area_sqft,
  percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY ln(nullif(greatest(lot_area_sqft, 0), 0))) AS lot_area_sqft,
  percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY year_built::float8) AS year_built,
  percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY bedroom_count) AS bedroom_count,
  percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY bathroom_count) AS bathroom_count,
  percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY condition_code::float8) AS condition_code,
  percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY quality_code::float8) AS quality_code,
  percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY latitude) AS latitude,
  percentile_cont(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY longitude) AS longitude
FROM (
  SELECT living_area_sqft, lot_area_sqft, year_built, bedroom_count, bathroom_count, condition_code, quality_code, latitude, longitude
  FROM provenance.summary
  WHERE county_fips = %(county_fips)s
    AND superseded_at = 'infinity'
  ORDER BY property_id
  LIMIT %(sample_size)s
) AS sampled
