-- The sales of one property of the current tenant, as of a past moment, each with what was found of it then, or, where nothing was, with
-- what its own record says (decided_by is null then). Parameters: property_id, as_of.
SELECT sale.sale_id, sale.snapshot_id, sale.row_number, sale.source_name, sale.sale_price_usd, sale.sale_date, sale.recording_date,
       sale.document_number, coalesce(found.is_arms_length, sale.is_arms_length) AS is_arms_length,
       coalesce(found.exclusion_reasons, sale.exclusion_reasons) AS exclusion_reasons, found.decided_by, sale.publication_id
FROM normalize.sale AS sale
LEFT JOIN score.sale_validation AS found
  ON found.sale_id = sale.sale_id
 AND found.published_at <= coalesce(%(as_of)s::timestamptz, now())
 AND found.superseded_at > coalesce(%(as_of)s::timestamptz, now())
WHERE sale.property_id = %(property_id)s
  AND sale.published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND sale.superseded_at > coalesce(%(as_of)s::timestamptz, now())
ORDER BY sale.sale_date DESC NULLS LAST, sale.sale_id
