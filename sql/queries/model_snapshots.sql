-- The snapshots that current sales, and what was sold in them, were read from. Keys: batch_key (sale_id).
SELECT DISTINCT read_from.snapshot_id
FROM normalize.sale AS s
JOIN batch_key AS k ON s.sale_id = k.sale_id::uuid
JOIN normalize.property AS p ON p.tenant_id = s.tenant_id AND p.property_id = s.property_id AND p.superseded_at = 'infinity'
CROSS JOIN LATERAL unnest(p.snapshot_ids || s.snapshot_id) AS read_from (snapshot_id)
WHERE s.superseded_at = 'infinity'
ORDER BY read_from.snapshot_id
