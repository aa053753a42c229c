-- The rows of one page of a search, and one row more, where those whose sort key is unknown come after all others. Each half is a walk
-- along an index, and the second is not begun while the first fills the page. Composed as api_search_rows, where known and unknown say
-- where the page before ended. Parameters: fetched (how many rows), and those of the conditions.
WITH known AS MATERIALIZED (
  SELECT {key} AS sort_key, {columns}
  FROM {source}
  WHERE {conditions} AND {known}
  ORDER BY {order}
  LIMIT %(fetched)s
), unknown AS MATERIALIZED (
  SELECT {key} AS sort_key, {columns}
  FROM {source}
  WHERE {conditions} AND {unknown} AND (SELECT count(*) FROM known) < %(fetched)s
  ORDER BY {order}
  LIMIT %(fetched)s
)
SELECT * FROM known
UNION ALL
SELECT * FROM unknown
