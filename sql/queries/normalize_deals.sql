-- Current reports of sales that share day and price, and the instrument or the seller, with a sale of the batch's properties:
-- parcels sold together, in the batch or not.
-- Keys: batch_key (property_key).
WITH own AS (
    SELECT DISTINCT r.sale_date, r.sale_price_usd, r.document_number, r.seller_name
    FROM ingest.record AS r
    JOIN batch_key AS k ON r.property_key = k.property_key
    WHERE
        r.superseded_at = 'infinity' AND r.sale_date IS NOT NULL AND r.sale_price_usd IS NOT NULL
        AND (r.document_number IS NOT NULL OR r.seller_name IS NOT NULL)
)
SELECT DISTINCT r.property_key, r.sale_date, r.sale_price_usd, r.document_number, r.seller_name
FROM ingest.record AS r
JOIN own AS o ON
    r.sale_date = o.sale_date AND r.sale_price_usd = o.sale_price_usd
    AND (r.document_number = o.document_number OR upper(btrim(r.seller_name)) = upper(btrim(o.seller_name)))
WHERE r.superseded_at = 'infinity'
