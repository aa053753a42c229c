-- The trust in the data of one property of the current tenant, as of a moment. Parameters: property_id, as_of (null = now).
SELECT property_id, property_trust, field_trust_pct, confirmed_vintage_date, traced_field_count,
       untraced_field_count, untraced_fields,
       publication_id, published_at
FROM provenance.trust
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
