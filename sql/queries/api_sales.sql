-- The current sales of one property of the current tenant, each with what is found of it over the whole market, or, before anything is,
-- with what its own record says (decided_by is null then). The literals let the partial indexes serve. Parameters: property_id.
SELECT sale.sale_id, sale.snapshot_id, sale.row_number, sale.source_name, sale.sale_price_usd, sale.sale_date, sale.recording_date,
       sale.document_number, coalesce(found.is_arms_length, sale.is_arms_length) AS is_arms_length,
       coalesce(found.exclusion_reasons, sale.exclusion_reasons) AS exclusion_reasons, found.decided_by, sale.publication_id
FROM normalize.sale AS sale
LEFT JOIN score.sale_validation AS found
  ON found.property_id = sale.property_id AND found.sale_id = sale.sale_id AND found.superseded_at = 'infinity'
WHERE sale.property_id = %(property_id)s
  AND sale.superseded_at = 'infinity'
ORDER BY sale.sale_date DESC NULLS LAST, sale.sale_id
