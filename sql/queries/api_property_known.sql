-- Whether the current tenant had a property at a moment: one row or none. Parameters: property_id, as_of (null = now).
SELECT property_id
FROM normalize.property
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
