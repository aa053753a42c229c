-- Hazard layer versions, public to all tenants. Parameters: layer_ids.
SELECT layer_id, hazard, source_name, version, vintage_date, authority, is_synthetic, file_name, snapshot_sha256
FROM reference.hazard_layer
WHERE layer_id = ANY(%(layer_ids)s)
