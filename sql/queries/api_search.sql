-- One page of a search as text that nobody has to read. Its first line is a JSON array: the sort key of the last row when there are more
-- (else null), and the total when asked for (else null). Then the rows as a JSON array. Composed: rows (api_search_rows or its sibling),
-- fields of each row, the item it becomes, order by sort_key, total. Parameters: shown (rows a page), and those of the rows.
WITH page AS (
  SELECT found.*, row_number() OVER (ORDER BY {order}) AS place FROM ({rows}) AS found
)
SELECT json_build_array(
         CASE
           WHEN count(*) > %(shown)s::bigint
           THEN (json_agg(json_build_array(page.sort_key, page.property_id)) FILTER (WHERE place = %(shown)s::bigint)) -> 0
         END,
         {total}
       )::text || chr(10)
       || '[' || coalesce(string_agg(({item})::text, ',' ORDER BY place) FILTER (WHERE place <= %(shown)s::bigint), '') || ']'
FROM page
CROSS JOIN LATERAL (SELECT {fields}) AS shown
