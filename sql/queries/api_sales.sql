-- The current sales of one property of the current tenant. The literal lets the partial index serve. Parameters: property_id.
SELECT sale_id, snapshot_id, row_number, source_name, sale_price_usd, sale_date, recording_date, document_number,
       is_arms_length, exclusion_reasons, publication_id
FROM normalize.sale
WHERE property_id = %(property_id)s
  AND superseded_at = 'infinity'
ORDER BY sale_date DESC NULLS LAST, sale_id
