-- The versions of one table's rows about one property of the current tenant, up to a moment. The names in braces are of the table's
-- contract, its keys beside the property among them. Parameters: property_id, as_of (null = now).
SELECT {table_name} AS table_name, concat_ws('/', {keys}) AS row_key, to_jsonb(version) AS content, publication_id, published_at,
       CASE WHEN superseded_at <= coalesce(%(as_of)s::timestamptz, now()) THEN superseded_at ELSE 'infinity' END AS superseded_at
FROM {table} AS version
WHERE property_id = %(property_id)s::uuid
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
