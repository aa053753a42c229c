-- Every area of every market series as its newest version names it. No parameters.
SELECT DISTINCT ON (a.source_name, a.area_code) a.source_name, a.area_code, a.area_kind, a.area_name, a.county_fips, a.metro_code
FROM reference.market_area AS a
ORDER BY a.source_name, a.area_code, a.series_id DESC
