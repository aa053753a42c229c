-- What one property of the current tenant would be worth if one thing about it were changed, the largest change first, as of a moment.
-- Parameters: property_id, as_of (null = now).
SELECT change_name, field_name, field_value_from, field_value_to, changed_value_usd, value_change_usd, assumption
FROM score.counterfactual
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
ORDER BY value_change_usd DESC, change_name
