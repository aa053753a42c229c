-- The sales of one property of the current tenant, newest first, as of a past moment, each with what was found of it then, or, where
-- nothing was, with what its own record says (decided_by is null then), and the file it was read from. Parameters: property_id, as_of,
-- after_date and after_id (keyed_date and sale_id of the last sale of the page before; null = from the start), page_size (null = all).
SELECT sale.sale_id, sale.snapshot_id, sale.row_number, sale.source_name, sale.sale_price_usd, sale.sale_date, sale.recording_date,
       sale.document_number, coalesce(found.is_arms_length, sale.is_arms_length) AS is_arms_length,
       coalesce(found.exclusion_reasons, sale.exclusion_reasons) AS exclusion_reasons, found.decided_by, sale.publication_id,
       sale.published_at, snapshot.file_name, snapshot.snapshot_sha256, snapshot.vintage_date, snapshot.batch_id,
       coalesce(sale.sale_date::text, '') AS keyed_date
FROM normalize.sale AS sale
LEFT JOIN score.sale_validation AS found
  ON found.property_id = sale.property_id AND found.sale_id = sale.sale_id
    AND found.published_at <= %(as_of)s AND found.superseded_at > %(as_of)s
LEFT JOIN ingest.snapshot AS snapshot ON snapshot.snapshot_id = sale.snapshot_id
WHERE sale.property_id = %(property_id)s
  AND sale.published_at <= %(as_of)s AND sale.superseded_at > %(as_of)s
  AND (%(after_id)s::uuid IS NULL OR coalesce(sale.sale_date::text, '') < %(after_date)s::text
       OR (coalesce(sale.sale_date::text, '') = %(after_date)s::text AND sale.sale_id > %(after_id)s::uuid))
ORDER BY sale.sale_date DESC NULLS LAST, sale.sale_id
LIMIT %(page_size)s
