-- One market area of the current tenant by month, as of a moment: every month from the first of the last months to that of its newest
-- valid sale, those without sales too. Medians are null where sales are fewer than the minimum; ratios are of the values that stood before
-- the sales. Composed: which versions of each table hold. Parameters: market_area, as_of (null = now), month_count, minimum_sale_count.
WITH home AS NOT MATERIALIZED (
    SELECT
        property_id, living_area_sqft,
        coalesce(
            situs_zip,
            to_char((floor(latitude * 10 + 1e-6) / 10)::numeric, 'FM990.0') || ','
            || to_char((floor(longitude * 10 + 1e-6) / 10)::numeric, 'FM990.0')
        ) AS market_area
    FROM normalize.property AS home
    WHERE
        {home_holds}
        -- Said of the column too, whose index can be asked: a cell stands for those without a ZIP.
        AND (strpos(%(market_area)s::text, ',') > 0 OR home.situs_zip = %(market_area)s::text)
        AND (strpos(%(market_area)s::text, ',') = 0 OR home.situs_zip IS NULL)
),
sold AS MATERIALIZED (
    SELECT
        date_trunc('month', sale.sale_date::timestamp)::date AS month_date, sale.sale_price_usd::float8 AS price_usd,
        sale.sale_price_usd::float8 / nullif(home.living_area_sqft, 0) AS price_per_sqft_usd, outcome.sale_ratio
    FROM home
    JOIN normalize.sale AS sale ON sale.property_id = home.property_id
    LEFT JOIN score.sale_validation AS found ON found.sale_id = sale.sale_id AND {found_holds}
    LEFT JOIN score.outcome AS outcome ON outcome.sale_id = sale.sale_id AND {outcome_holds}
    WHERE
        home.market_area = %(market_area)s::text
        AND {sale_holds}
        AND coalesce(found.is_arms_length, sale.is_arms_length)
        AND sale.sale_date <= coalesce(%(as_of)s::timestamptz, now())::date
),
span AS (
    SELECT min(month_date) AS first_date, max(month_date) AS last_date FROM sold
),
month AS (
    SELECT generate_series(
        greatest(span.first_date::timestamp, span.last_date - make_interval(months => %(month_count)s::int - 1)),
        span.last_date::timestamp, interval '1 month'
    )::date AS month_date
    FROM span
)
SELECT
    month.month_date, count(sold.price_usd) AS sale_count,
    CASE
        WHEN count(sold.price_usd) >= %(minimum_sale_count)s::int
            THEN (percentile_cont(0.5) WITHIN GROUP (ORDER BY sold.price_usd))::numeric(14, 2)
    END AS median_price_usd,
    CASE
        WHEN count(sold.price_per_sqft_usd) >= %(minimum_sale_count)s::int
            THEN (percentile_cont(0.5) WITHIN GROUP (ORDER BY sold.price_per_sqft_usd))::numeric(14, 2)
    END AS median_price_per_sqft_usd,
    count(sold.sale_ratio) AS outcome_count,
    CASE
        WHEN count(sold.sale_ratio) >= %(minimum_sale_count)s::int
            THEN percentile_cont(0.5) WITHIN GROUP (ORDER BY sold.sale_ratio)
    END AS median_sale_ratio
FROM month
LEFT JOIN sold ON sold.month_date = month.month_date
GROUP BY month.month_date
ORDER BY month.month_date
