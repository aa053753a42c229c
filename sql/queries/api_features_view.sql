-- What one feature view said at a moment of the property in `place`, or of its county: the row as JSON, null where there was none; a
-- part of api_features. Composed: `rows`, those of the view, at least those of the place and the moment, and `entity`, its entity's column.
-- Parameters: as_of (null = now).
SELECT row_to_json(held)
FROM ({rows}) AS held
WHERE held.{entity} = place.{entity}
  AND held.event_at <= coalesce(%(as_of)s::timestamptz, now())
  AND held.until_at > coalesce(%(as_of)s::timestamptz, now())
