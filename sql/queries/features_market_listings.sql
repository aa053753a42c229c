-- Every version of each property of the tenant that carries a listing, in counties that are known, in order of publication: the day for
-- which the batch that published it stands (seen_date), the same of the batch that ended it (closed_date, null while current), and the
-- newest day for which a source of listings that supports it was read (known_date). A listing of a later day than both, or of a day
-- before 1900, is a placeholder or a slip of the pen and left out. Parameters: source_names (the sources that bring listings).
WITH version AS MATERIALIZED (
  SELECT
    p.property_id, p.county_fips, p.list_date, p.list_price_usd::float8 AS list_price_usd, p.living_area_sqft, p.snapshot_ids,
    p.published_at, o.vintage_date AS seen_date, c.vintage_date AS closed_date
  FROM normalize.property AS p
  JOIN provenance.publication AS o ON o.tenant_id = p.tenant_id AND o.publication_id = p.publication_id
  LEFT JOIN provenance.publication AS c
    ON c.tenant_id = p.tenant_id AND c.table_name = 'normalize.property' AND c.published_at = p.superseded_at
  WHERE p.list_date >= '1900-01-01' AND p.county_fips IS NOT NULL
),
-- Thousands of versions share a few sets of files, and a source has one newest day: each is asked once.
source_known AS (
  SELECT o.partition_name AS source_name, max(o.vintage_date) AS known_date
  FROM provenance.publication AS o
  WHERE o.table_name = 'normalize.property' AND o.partition_name = ANY (%(source_names)s)
  GROUP BY o.partition_name
),
known AS (
  SELECT f.snapshot_ids, max(k.known_date) AS known_date
  FROM (SELECT DISTINCT snapshot_ids FROM version) AS f
  CROSS JOIN unnest(f.snapshot_ids) AS u (snapshot_id)
  JOIN ingest.snapshot AS s ON s.snapshot_id = u.snapshot_id
  JOIN source_known AS k ON k.source_name = s.source_name
  GROUP BY f.snapshot_ids
)
SELECT
  v.property_id, v.county_fips, v.list_date, v.list_price_usd, v.living_area_sqft,
  row_number() OVER (PARTITION BY v.property_id ORDER BY v.published_at) AS version_number,
  v.seen_date, v.closed_date, known.known_date
FROM version AS v
LEFT JOIN known ON known.snapshot_ids = v.snapshot_ids
WHERE v.list_date <= greatest(v.seen_date, known.known_date)
ORDER BY v.property_id, v.published_at
