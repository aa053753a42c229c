-- The tenant's current market features of the months before each county's window opens, as they were published.
-- Keys: batch_key (county_fips, opens_date). No parameters.
SELECT
  m.county_fips, m.month_date, m.median_list_price_usd, m.median_price_per_sqft_usd, m.median_days_on_market, m.active_inventory_count,
  m.new_listing_30d_count, m.sold_30d_count, m.price_cut_rate, m.median_rent_usd, m.vacancy_rate, m.median_cap_rate,
  m.price_growth_yoy_rate, m.rent_growth_yoy_rate, m.origins, m.observed_at
FROM features.market AS m
JOIN batch_key AS k ON k.county_fips = m.county_fips AND m.month_date < k.opens_date::date
WHERE m.superseded_at = 'infinity'
ORDER BY m.county_fips, m.month_date
