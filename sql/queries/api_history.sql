-- What happened to one property of the current tenant, newest first: of every version the row before and the row after, and of a row that
-- was closed without a successor the row before. In the braces go the versions of every table (api_history_version). Parameters:
-- property_id, as_of (null = now), after_at, after_table and after_key (of the last event of the page before; null = from the start),
-- page_size.
WITH version AS ({versions}),
neighbour AS (
  SELECT version.*, lag(content) OVER earlier AS content_before, lag(superseded_at) OVER earlier AS before_until,
         lead(published_at) OVER earlier AS next_from
  FROM version
  WINDOW earlier AS (PARTITION BY table_name, row_key ORDER BY published_at)
),
event AS (
  SELECT published_at AS occurred_at, table_name, row_key, publication_id,
         CASE WHEN before_until = published_at THEN content_before END AS row_before, content AS row_after
  FROM neighbour
  UNION ALL
  SELECT superseded_at, table_name, row_key, NULL, content, NULL
  FROM neighbour
  WHERE superseded_at < 'infinity' AND (next_from IS NULL OR next_from > superseded_at)
),
page AS (
  SELECT *
  FROM event
  WHERE %(after_at)s::timestamptz IS NULL
     OR occurred_at < %(after_at)s::timestamptz
     OR (occurred_at = %(after_at)s::timestamptz AND (table_name, row_key) > (%(after_table)s::text, %(after_key)s::text))
  ORDER BY occurred_at DESC, table_name, row_key
  LIMIT %(page_size)s
)
SELECT page.occurred_at, page.table_name, page.row_key, page.row_before, page.row_after, publication.publication_id,
       publication.batch_id, publication.vintage_date, publication.run_id, publication.code_version
FROM page
-- Nothing in a closed row names the publication that closed it, but their times are one.
LEFT JOIN provenance.publication AS publication
  ON publication.publication_id = coalesce(page.publication_id, (
    SELECT max(closing.publication_id)
    FROM provenance.publication AS closing
    WHERE closing.table_name = page.table_name AND closing.published_at = page.occurred_at))
ORDER BY page.occurred_at DESC, page.table_name, page.row_key
