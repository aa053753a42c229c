-- The models of a county and day that were trained by the same code from the same sales with the same parameters: training again would
-- give the same bytes. Parameters: county_fips, as_of_date, sales_sha256, parameters_sha256, code_version.
SELECT model_id
FROM score.model
WHERE
    county_fips = %(county_fips)s
    AND as_of_date = %(as_of_date)s
    AND metrics ->> 'sales_sha256' = %(sales_sha256)s
    AND parameters_sha256 = %(parameters_sha256)s
    AND code_version = %(code_version)s
ORDER BY trained_at DESC
LIMIT 1
