-- What each side of one property of the current tenant adds to its value, as of a moment. Parameters: property_id, as_of (null = now).
SELECT base_usd, location_contribution_usd, neighbourhood_contribution_usd, living_area_contribution_usd, basement_area_contribution_usd,
       lot_area_contribution_usd, age_contribution_usd, renovation_contribution_usd, rooms_contribution_usd, stories_contribution_usd,
       garage_contribution_usd, condition_contribution_usd, quality_contribution_usd, waterfront_contribution_usd, view_contribution_usd,
       property_type_contribution_usd, second_opinion_contribution_usd, comparables_contribution_usd, equity_contribution_usd
FROM score.contribution
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
