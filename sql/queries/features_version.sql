-- The versions of the properties of the tenant as a feature view has them: the columns of normalize.property, with the times from which
-- (event_at) and until which (until_at) the platform knew that of a version, and the day for which it stood (observed_at).
-- A version begins anew with each version of provenance.trust: a batch whose source says of a property what it said before makes no new
-- version of the property, but one of trust, and the ledger tells source and day. A version stands for the oldest, over the records that
-- made the fields of the view (provenance.derivation), of the newest day for which the record's source is known to say so: the day of the
-- record's own file, or of the source's last confirmation. Where a value is laid to no record, all records of the property count.
-- Composed with psycopg.sql: moment (for which p is asked; of features_version_moments, joined as moments, or one) and held (which p are
-- meant), fields (of normalize.property, of which the view is made), is_told (whether those that have a value are all among o.told).
SELECT
  p.*, greatest(p.published_at, c.published_at) AS event_at,
  least(p.superseded_at, (
    SELECT min(n.published_at) FROM provenance.trust AS n
    WHERE n.tenant_id = p.tenant_id AND n.property_id = p.property_id AND n.published_at > {moment}
  )) AS until_at,
  (CASE WHEN {is_told} THEN coalesce(b.own_date, o.own_date) ELSE coalesce(b.oldest_date, o.oldest_date) END)::timestamp
    AT TIME ZONE 'UTC' AS observed_at
FROM normalize.property AS p
{moments}
-- The last confirmation known at the moment. Versions of one property end in the order in which they begin.
LEFT JOIN LATERAL (
  SELECT n.published_at, n.superseded_at, n.publication_id
  FROM provenance.trust AS n
  WHERE n.tenant_id = p.tenant_id AND n.property_id = p.property_id AND n.published_at <= {moment}
  ORDER BY n.superseded_at DESC
  LIMIT 1
) AS c ON true
-- What that confirmation says of the records. Few versions differ in what is asked here: PostgreSQL remembers the answers.
CROSS JOIN LATERAL (
  SELECT
    d.told, d.places, min(k.known_date) AS oldest_date, min(k.known_date) FILTER (WHERE k.place = ANY (d.places)) AS own_date,
    bool_or(k.is_of_another) AS has_others
  FROM (
    SELECT array_agg(e.key) AS told, array_agg((e.value ->> 'record')::bigint + 1) AS places
    FROM provenance.derivation AS w, jsonb_each(w.fields) AS e
    WHERE w.tenant_id = p.tenant_id AND w.derivation_id = p.derivation_id AND e.key = ANY ({fields}::text[])
  ) AS d
  LEFT JOIN (
    SELECT r.place, l.partition_name <> f.source_name AS is_of_another,
      greatest(f.vintage_date, CASE WHEN l.partition_name = f.source_name THEN l.vintage_date END) AS known_date
    FROM unnest(p.snapshot_ids) WITH ORDINALITY AS r (snapshot_id, place)
    JOIN ingest.snapshot AS f ON f.tenant_id = p.tenant_id AND f.snapshot_id = r.snapshot_id
    LEFT JOIN provenance.publication AS l ON l.tenant_id = p.tenant_id AND l.publication_id = c.publication_id
  ) AS k ON true
  GROUP BY d.told, d.places
) AS o
-- The same where some record is of another source than the last confirmation: then the last of each source counts.
CROSS JOIN LATERAL (
  SELECT min(k.known_date) AS oldest_date, min(k.known_date) FILTER (WHERE k.place = ANY (o.places)) AS own_date
  FROM (
    SELECT r.place, greatest(f.vintage_date, (
      SELECT l.vintage_date
      FROM provenance.trust AS n
      JOIN provenance.publication AS l ON l.tenant_id = n.tenant_id AND l.publication_id = n.publication_id
      WHERE n.tenant_id = p.tenant_id AND n.property_id = p.property_id AND n.superseded_at <= c.superseded_at
        AND l.partition_name = f.source_name
      ORDER BY n.superseded_at DESC
      LIMIT 1
    )) AS known_date
    FROM unnest(p.snapshot_ids) WITH ORDINALITY AS r (snapshot_id, place)
    JOIN ingest.snapshot AS f ON f.tenant_id = p.tenant_id AND f.snapshot_id = r.snapshot_id
    WHERE o.has_others
  ) AS k
) AS b
-- Said here and not in a join, or PostgreSQL would run all this once for each entity that is asked for.
WHERE {held}
