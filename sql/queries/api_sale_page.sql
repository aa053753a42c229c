-- One page of the current tenant's sales, the newest first and those without a day last, each with what is found of it over the whole
-- market, or, before anything is, with what its own record says (decided_by is null then). The literals let the partial indexes serve, and
-- the bound on the day lets a page begin in the middle. Parameters: page_size, after_date and after_id (key of the last row of the page
-- before, null = from the start), property_id, county_fips, situs_zip, sale_date_min, sale_date_max, sale_price_usd_min,
-- sale_price_usd_max, is_arms_length, decided_by (rules or person; each null = any).
WITH fitting AS NOT MATERIALIZED (
    SELECT
        sale.sale_id, sale.property_id, sale.snapshot_id, sale.row_number, sale.source_name, sale.sale_price_usd, sale.sale_date,
        sale.recording_date, sale.document_number, sale.published_at, found.decided_by, p.county_fips, p.situs_address, p.situs_city,
        p.situs_zip, p.property_type, p.living_area_sqft, coalesce(found.is_arms_length, sale.is_arms_length) AS is_arms_length,
        coalesce(found.exclusion_reasons, sale.exclusion_reasons) AS exclusion_reasons
    FROM normalize.sale AS sale
    LEFT JOIN score.sale_validation AS found
        ON found.property_id = sale.property_id AND found.sale_id = sale.sale_id AND found.superseded_at = 'infinity'
    LEFT JOIN normalize.property AS p ON p.property_id = sale.property_id AND p.superseded_at = 'infinity'
    WHERE
        sale.superseded_at = 'infinity'
        AND (%(property_id)s::uuid IS NULL OR sale.property_id = %(property_id)s::uuid)
        AND (%(county_fips)s::text IS NULL OR p.county_fips = %(county_fips)s::text)
        AND (%(situs_zip)s::text IS NULL OR p.situs_zip = %(situs_zip)s::text)
        AND (%(sale_price_usd_min)s::float8 IS NULL OR sale.sale_price_usd >= %(sale_price_usd_min)s::numeric)
        AND (%(sale_price_usd_max)s::float8 IS NULL OR sale.sale_price_usd <= %(sale_price_usd_max)s::numeric)
        AND (%(is_arms_length)s::boolean IS NULL OR coalesce(found.is_arms_length, sale.is_arms_length) = %(is_arms_length)s::boolean)
        AND (%(decided_by)s::text IS NULL OR (found.decided_by = 'rules') = (%(decided_by)s::text = 'rules'))
),
dated AS (
    SELECT *
    FROM fitting
    WHERE
        sale_date <= least(%(after_date)s::date, %(sale_date_max)s::date, 'infinity')
        AND sale_date >= coalesce(%(sale_date_min)s::date, '-infinity')
        AND (%(after_id)s::uuid IS NULL OR sale_date < %(after_date)s::date OR sale_id > %(after_id)s::uuid)
        AND (%(after_id)s::uuid IS NULL OR %(after_date)s::date IS NOT NULL)
    ORDER BY sale_date DESC NULLS LAST, sale_id
    LIMIT %(page_size)s
),
undated AS (
    SELECT *
    FROM fitting
    WHERE
        sale_date IS NULL
        AND %(sale_date_min)s::date IS NULL
        AND %(sale_date_max)s::date IS NULL
        AND (%(after_id)s::uuid IS NULL OR %(after_date)s::date IS NOT NULL OR sale_id > %(after_id)s::uuid)
    ORDER BY sale_id
    LIMIT %(page_size)s
),
page AS (
    SELECT * FROM dated
    UNION ALL
    SELECT * FROM undated
    ORDER BY sale_date DESC NULLS LAST, sale_id
    LIMIT %(page_size)s
)
SELECT page.*, snapshot.file_name, snapshot.snapshot_sha256, snapshot.vintage_date, snapshot.batch_id
FROM page
LEFT JOIN ingest.snapshot AS snapshot ON snapshot.snapshot_id = page.snapshot_id
ORDER BY page.sale_date DESC NULLS LAST, page.sale_id
