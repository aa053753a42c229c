-- What is asked and assessed of each property of the tenant, one row a version (features.property_financial). A reduction is a version
-- that asks less than the last version before it that asks, for the same listing; the platform sees only what was published.
-- Composed with psycopg.sql: version (features_version).
SELECT
  p.tenant_id, p.property_id, p.event_at, p.until_at, p.observed_at,
  p.list_price_usd::float8 AS list_price_usd,
  p.list_price_usd::float8 / nullif(p.living_area_sqft, 0) AS price_per_sqft_usd,
  p.assessed_value_usd::float8 AS assessed_value_usd,
  NULL::float8 AS annual_tax_usd, NULL::float8 AS hoa_monthly_usd,
  CASE WHEN p.list_date <= (p.event_at AT TIME ZONE 'UTC')::date
    THEN ((p.event_at AT TIME ZONE 'UTC')::date - p.list_date)::bigint END AS days_on_market,
  CASE WHEN p.list_price_usd IS NOT NULL THEN r.reduction_count END AS price_reduction_count,
  CASE WHEN p.list_price_usd IS NOT NULL THEN r.last_reduction_usd::float8 END AS last_reduction_usd,
  NULL::float8 AS arv_estimate_usd, NULL::float8 AS projected_rent_usd, NULL::float8 AS cap_rate_estimate
FROM (
{version}
) AS p
-- One row whatever there is; an outer join here would have all this run once for each entity that is asked for.
CROSS JOIN LATERAL (
  SELECT
    count(*) FILTER (WHERE a.fall_usd > 0) AS reduction_count,
    (array_agg(a.fall_usd ORDER BY a.published_at DESC) FILTER (WHERE a.fall_usd > 0))[1] AS last_reduction_usd
  FROM (
    SELECT q.published_at, lag(q.list_price_usd) OVER (ORDER BY q.published_at) - q.list_price_usd AS fall_usd
    FROM normalize.property AS q
    WHERE
      p.list_price_usd IS NOT NULL AND q.tenant_id = p.tenant_id AND q.property_id = p.property_id
      AND q.list_date IS NOT DISTINCT FROM p.list_date AND q.published_at <= p.published_at AND q.list_price_usd IS NOT NULL
  ) AS a
) AS r
