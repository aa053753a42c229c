-- The newest model of each county of the current tenant, with its page and whether it may serve. No parameters.
SELECT DISTINCT ON (county_fips) model_id, county_fips, as_of_date, sale_count, is_passed, page_key
FROM score.model
ORDER BY county_fips, trained_at DESC, model_id
