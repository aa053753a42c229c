-- Market areas of the current tenant as of a moment, in the order of their names: the ZIP where it is known, else the 0.1-degree cell by
-- its south-west corner, as estate.score.sale_validation.market_area names them. Medians are over the valid sales of the year that ends
-- with the tenant's newest valid sale, and null where they are fewer than the minimum. Composed: which versions of each table hold.
-- Parameters: as_of (null = now), after (name of the last area of the page before, null = from the start), page_size, county_fips,
-- market_area (each null = any), minimum_sale_count.
WITH home AS NOT MATERIALIZED (
    SELECT
        property_id, county_fips, latitude, longitude, living_area_sqft,
        coalesce(
            situs_zip,
            -- In whole cells first: a tenth of a degree has no exact double, and 42.0 must not fall into the cell below it.
            to_char((floor(latitude * 10 + 1e-6) / 10)::numeric, 'FM990.0') || ','
            || to_char((floor(longitude * 10 + 1e-6) / 10)::numeric, 'FM990.0')
        ) AS market_area
    FROM normalize.property AS home
    WHERE {home_holds}
),
page AS (
    SELECT
        market_area, count(*) AS property_count, mode() WITHIN GROUP (ORDER BY county_fips) AS county_fips, avg(latitude) AS latitude,
        avg(longitude) AS longitude
    FROM home
    WHERE
        market_area IS NOT NULL
        AND (%(market_area)s::text IS NULL OR market_area = %(market_area)s::text)
        AND (%(county_fips)s::text IS NULL OR county_fips = %(county_fips)s::text)
        AND (%(after)s::text IS NULL OR market_area > %(after)s::text)
    GROUP BY market_area
    ORDER BY market_area
    LIMIT %(page_size)s
),
valid AS MATERIALIZED (
    SELECT
        home.market_area, home.county_fips, sale.sale_date, sale.sale_price_usd::float8 AS price_usd,
        sale.sale_price_usd::float8 / nullif(home.living_area_sqft, 0) AS price_per_sqft_usd
    FROM normalize.sale AS sale
    JOIN home ON home.property_id = sale.property_id
    LEFT JOIN score.sale_validation AS found ON found.sale_id = sale.sale_id AND {found_holds}
    WHERE
        {sale_holds}
        AND coalesce(found.is_arms_length, sale.is_arms_length)
        -- A sale dated after the moment is a slip of the pen.
        AND sale.sale_date <= coalesce(%(as_of)s::timestamptz, now())::date
),
newest AS (
    SELECT max(sale_date) AS sale_date FROM valid
),
sold AS (
    SELECT
        valid.market_area, count(*) AS sale_count, max(valid.sale_date) AS last_sale_date,
        count(*) FILTER (WHERE valid.sale_date > newest.sale_date - 365) AS year_sale_count,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY valid.price_usd)
            FILTER (WHERE valid.sale_date > newest.sale_date - 365) AS price_usd,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY valid.price_per_sqft_usd)
            FILTER (WHERE valid.sale_date > newest.sale_date - 365) AS price_per_sqft_usd,
        count(valid.price_per_sqft_usd) FILTER (WHERE valid.sale_date > newest.sale_date - 365) AS measured_count
    FROM valid
    CROSS JOIN newest
    WHERE
        valid.market_area IN (SELECT page.market_area FROM page)
        AND (%(county_fips)s::text IS NULL OR valid.county_fips = %(county_fips)s::text)
    GROUP BY valid.market_area
)
SELECT
    page.market_area, page.county_fips, page.latitude, page.longitude, page.property_count, coalesce(sold.sale_count, 0) AS sale_count,
    sold.last_sale_date, coalesce(sold.year_sale_count, 0) AS year_sale_count,
    CASE WHEN sold.year_sale_count >= %(minimum_sale_count)s::int THEN sold.price_usd::numeric(14, 2) END AS median_price_usd,
    CASE
        WHEN sold.measured_count >= %(minimum_sale_count)s::int THEN sold.price_per_sqft_usd::numeric(14, 2)
    END AS median_price_per_sqft_usd,
    newest.sale_date AS year_to_date
FROM page
CROSS JOIN newest
LEFT JOIN sold ON sold.market_area = page.market_area
ORDER BY page.market_area
