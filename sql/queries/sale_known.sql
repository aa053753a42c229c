-- Whether the tenant has this sale. Parameters: sale_id.
SELECT s.sale_id, s.property_id FROM normalize.sale AS s WHERE s.sale_id = %(sale_id)s AND s.superseded_at = 'infinity'
