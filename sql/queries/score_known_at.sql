-- The moment at which each property is to be seen to know of it what was known by the end of a day (UTC): when the version that held then
-- was published; where nothing was known of it yet, as of old sales that were landed later, when its current version was; where its last
-- version had ended, that end, when nothing was known; and the present where nothing is known at all. Versions of one property end in the
-- order in which they begin. Parameters: as_of_date.
-- Keys: batch_key (property_id).
SELECT
  v.property_id,
  CASE
    WHEN v.known_at IS NULL THEN coalesce(v.current_at, now())
    WHEN v.ended_at >= d.end_at THEN v.known_at
    ELSE v.ended_at
  END::text AS known_at
FROM (SELECT (%(as_of_date)s::date + 1)::timestamp AT TIME ZONE 'UTC' AS end_at) AS d
CROSS JOIN LATERAL (
  SELECT
    a.property_id,
    max(p.published_at) FILTER (WHERE p.published_at < d.end_at) AS known_at,
    max(p.superseded_at) FILTER (WHERE p.published_at < d.end_at) AS ended_at,
    max(p.published_at) FILTER (WHERE p.superseded_at = 'infinity') AS current_at
  FROM batch_key AS a
  LEFT JOIN normalize.property AS p ON p.property_id = a.property_id::uuid
  GROUP BY a.property_id
) AS v
ORDER BY v.property_id
