-- The sales of one property of the current tenant, as of a past moment. Parameters: property_id, as_of.
SELECT sale_id, snapshot_id, row_number, source_name, sale_price_usd, sale_date, recording_date, document_number,
       is_arms_length, exclusion_reasons, publication_id
FROM normalize.sale
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
ORDER BY sale_date DESC NULLS LAST, sale_id
