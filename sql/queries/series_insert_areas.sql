-- Add the areas that a version names anew or otherwise than the versions before it. Composed with psycopg.sql: staging.
-- Parameters: source_name.
INSERT INTO reference.market_area (source_name, area_code, series_id, area_kind, area_name, county_fips, metro_code)
SELECT
  staged.source_name, staged.area_code, staged.series_id, staged.area_kind, staged.area_name, staged.county_fips, staged.metro_code
FROM {staging} AS staged
LEFT JOIN (
  SELECT DISTINCT ON (a.area_code) a.area_code, a.area_kind, a.area_name, a.county_fips, a.metro_code
  FROM reference.market_area AS a
  WHERE a.source_name = %(source_name)s
  ORDER BY a.area_code, a.series_id DESC
) AS known ON known.area_code = staged.area_code
WHERE (known.area_code IS NULL)
   OR (staged.area_kind, staged.area_name, staged.county_fips, staged.metro_code)
   IS DISTINCT FROM (known.area_kind, known.area_name, known.county_fips, known.metro_code)
