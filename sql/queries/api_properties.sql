-- One page of the current tenant's properties in the order of their identifiers, with value, risk and trust, as of a moment.
-- Parameters: as_of (null = now), after (last identifier of the page before, null = from the start), page_size, county_fips, zip,
-- city (each null = any; the city without regard to case).
WITH page AS (
  SELECT property_id, county_fips, apn, situs_address, situs_city, situs_state, situs_zip, latitude, longitude, property_type,
         living_area_sqft, lot_area_sqft, year_built, bedroom_count, bathroom_count
  FROM normalize.property
  WHERE published_at <= coalesce(%(as_of)s::timestamptz, now())
    AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
    AND (%(after)s::uuid IS NULL OR property_id > %(after)s::uuid)
    AND (%(county_fips)s::text IS NULL OR county_fips = %(county_fips)s::text)
    AND (%(zip)s::text IS NULL OR situs_zip = %(zip)s::text)
    AND (%(city)s::text IS NULL OR upper(situs_city) = upper(%(city)s::text))
  ORDER BY property_id
  LIMIT %(page_size)s
)
SELECT page.*, valuation.estimated_value_usd, valuation.value_low_usd, valuation.value_high_usd, valuation.confidence,
       valuation.refusal_reason, risk.risk_class, risk.risk_score_low, risk.risk_score_high, trust.property_trust
FROM page
LEFT JOIN score.valuation AS valuation
  ON valuation.property_id = page.property_id
 AND valuation.published_at <= coalesce(%(as_of)s::timestamptz, now())
 AND valuation.superseded_at > coalesce(%(as_of)s::timestamptz, now())
LEFT JOIN score.risk AS risk
  ON risk.property_id = page.property_id
 AND risk.published_at <= coalesce(%(as_of)s::timestamptz, now())
 AND risk.superseded_at > coalesce(%(as_of)s::timestamptz, now())
LEFT JOIN provenance.trust AS trust
  ON trust.property_id = page.property_id
 AND trust.published_at <= coalesce(%(as_of)s::timestamptz, now())
 AND trust.superseded_at > coalesce(%(as_of)s::timestamptz, now())
ORDER BY page.property_id
