-- The newest month known of the market of each county of the tenant, one row for each time it changed (features.market_current): a month
-- is the newest from its publication, or from when a later one was withdrawn, until it is revised, withdrawn, or a later one is published.
WITH moment AS (
  SELECT tenant_id, county_fips, published_at AS moment_at FROM features.market
  UNION
  SELECT tenant_id, county_fips, superseded_at FROM features.market WHERE superseded_at < 'infinity'
),
newest AS (
  SELECT t.tenant_id, t.county_fips, t.moment_at, m.month_date, m.published_at
  FROM moment AS t
  LEFT JOIN LATERAL (
    SELECT n.month_date, n.published_at FROM features.market AS n
    WHERE n.tenant_id = t.tenant_id AND n.county_fips = t.county_fips AND n.published_at <= t.moment_at AND n.superseded_at > t.moment_at
    ORDER BY n.month_date DESC LIMIT 1
  ) AS m ON true
),
changed AS (
  SELECT
    w.*,
    row_number() OVER county > 1 AND (w.month_date, w.published_at) IS NOT DISTINCT FROM
      (lag(w.month_date) OVER county, lag(w.published_at) OVER county) AS is_same
  FROM newest AS w
  WINDOW county AS (PARTITION BY w.tenant_id, w.county_fips ORDER BY w.moment_at)
),
bounded AS (
  SELECT c.*, lead(c.moment_at, 1, 'infinity') OVER (PARTITION BY c.tenant_id, c.county_fips ORDER BY c.moment_at) AS until_at
  FROM changed AS c
  WHERE NOT c.is_same
)
SELECT
  b.tenant_id, b.county_fips, b.moment_at AS event_at, b.until_at, m.observed_at, m.median_list_price_usd, m.median_price_per_sqft_usd,
  m.median_days_on_market, m.active_inventory_count, m.new_listing_30d_count, m.sold_30d_count, m.price_cut_rate, m.median_rent_usd,
  m.vacancy_rate, m.median_cap_rate, m.price_growth_yoy_rate, m.rent_growth_yoy_rate
FROM bounded AS b
JOIN features.market AS m ON
  m.tenant_id = b.tenant_id AND m.county_fips = b.county_fips AND m.month_date = b.month_date AND m.published_at = b.published_at
