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
    WHERE
        {home_holds}
        -- Said of the column too, whose index can be asked: a cell stands for those without a ZIP.
        AND (%(market_area)s::text IS NULL OR strpos(%(market_area)s::text, ',') > 0 OR home.situs_zip = %(market_area)s::text)
        AND (coalesce(strpos(%(market_area)s::text, ','), 0) = 0 OR home.situs_zip IS NULL)
        AND (%(county_fips)s::text IS NULL OR home.county_fips = %(county_fips)s::text)
),
page AS (
    SELECT
        market_area, count(*) AS property_count, mode() WITHIN GROUP (ORDER BY county_fips) AS county_fips, round(avg(latitude)::numeric, 5)::double precision AS latitude,
        round(avg(longitude)::numeric, 5)::double precision AS longitude
    FROM home
    WHERE
        market_area IS NOT NULL
        AND (%(market_area)s::text IS NULL OR market_area = %(market_area)s::text)
        AND (%(after)s::text IS NULL OR market_area > %(after)s::text)
    GROUP BY market_area
    ORDER BY market_area
    LIMIT %(page_size)s
),
newest AS (
    -- Along the index of the sales by their day, as far as the first that is valid, each asked for by itself: a join would read all sales.
    -- One row also where none is.
    SELECT (
        SELECT sale.sale_date
        FROM normalize.sale AS sale
        WHERE
            {sale_holds}
            AND coalesce(
                (SELECT found.is_arms_length FROM score.sale_validation AS found WHERE found.sale_id = sale.sale_id AND {found_holds}),
                sale.is_arms_length
            )
            -- A sale dated after the moment is a slip of the pen.
            AND sale.sale_date <= coalesce(%(as_of)s::timestamptz, now())::date
            AND (SELECT true FROM normalize.property AS home WHERE home.property_id = sale.property_id AND {home_holds})
        ORDER BY sale.sale_date DESC NULLS LAST
        LIMIT 1
    ) AS sale_date
),
valid AS (
    SELECT
        home.market_area, sale.sale_date, sale.sale_price_usd::float8 AS price_usd,
        sale.sale_price_usd::float8 / nullif(home.living_area_sqft, 0) AS price_per_sqft_usd
    FROM page
    JOIN home ON home.market_area = page.market_area
    JOIN normalize.sale AS sale ON sale.property_id = home.property_id
    LEFT JOIN score.sale_validation AS found ON found.sale_id = sale.sale_id AND {found_holds}
    WHERE
        {sale_holds}
        AND coalesce(found.is_arms_length, sale.is_arms_length)
        AND sale.sale_date <= coalesce(%(as_of)s::timestamptz, now())::date
),
sold AS (
    SELECT
        valid.market_area, count(*) AS sale_count, max(valid.sale_date) AS last_sale_date,
        count(*) FILTER (WHERE valid.sale_date > newest.sale_date - 365) AS window_sale_count,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY valid.price_usd)
            FILTER (WHERE valid.sale_date > newest.sale_date - 365) AS price_usd,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY valid.price_per_sqft_usd)
            FILTER (WHERE valid.sale_date > newest.sale_date - 365) AS price_per_sqft_usd,
        count(valid.price_per_sqft_usd) FILTER (WHERE valid.sale_date > newest.sale_date - 365) AS measured_count
    FROM valid
    CROSS JOIN newest
    GROUP BY valid.market_area
)
SELECT
    page.market_area, page.county_fips, page.latitude, page.longitude, page.property_count, coalesce(sold.sale_count, 0) AS sale_count,
    sold.last_sale_date, coalesce(sold.window_sale_count, 0) AS window_sale_count,
    CASE WHEN sold.window_sale_count >= %(minimum_sale_count)s::int THEN sold.price_usd::numeric(14, 2) END AS median_price_usd,
    CASE
        WHEN sold.measured_count >= %(minimum_sale_count)s::int THEN sold.price_per_sqft_usd::numeric(14, 2)
    END AS median_price_per_sqft_usd,
    newest.sale_date AS window_to_date
FROM page
CROSS JOIN newest
LEFT JOIN sold ON sold.market_area = page.market_area
ORDER BY page.market_area
