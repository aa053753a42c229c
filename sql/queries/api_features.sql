-- What the asked feature views say of one property of the current tenant and of the market of its county, as of a moment, as JSON; no row
-- where the tenant had no such property then. Composed: `views`, the name and the row (api_features_view) of each that
-- is asked for. Parameters: property_id, as_of (null = now).
SELECT json_build_object(
  'at', coalesce(%(as_of)s::timestamptz, now()),
  'county_fips', place.county_fips,
  'unknown_hazards', (
    SELECT exposure.unknown_hazards
    FROM hazard.exposure AS exposure
    WHERE exposure.property_id = place.property_id
      AND exposure.published_at <= coalesce(%(as_of)s::timestamptz, now())
      AND exposure.superseded_at > coalesce(%(as_of)s::timestamptz, now())
  ),
  -- Who told the values of the newest month known of the market, which is the month that its view tells.
  'market_origins', (
    SELECT market.origins
    FROM features.market AS market
    WHERE market.county_fips = place.county_fips
      AND market.published_at <= coalesce(%(as_of)s::timestamptz, now())
      AND market.superseded_at > coalesce(%(as_of)s::timestamptz, now())
    ORDER BY market.month_date DESC
    LIMIT 1
  ),
  'views', json_build_object({views})
)
FROM normalize.property AS place
WHERE place.property_id = %(property_id)s::uuid
  AND place.published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND place.superseded_at > coalesce(%(as_of)s::timestamptz, now())
