-- The rows of one page of a search whose sort key is never unknown, and one row more. Composed: what it sorts by (key), columns, source
-- (provenance.summary or api_search_near), conditions with where the page before ended, order. Parameters: fetched (how many rows), and
-- those of the conditions.
SELECT {key} AS sort_key, {columns}
FROM {source}
WHERE {conditions}
ORDER BY {order}
LIMIT %(fetched)s
