-- The version of a layer that was loaded from exactly these bytes, if any. Parameters: source_name, snapshot_sha256.
SELECT layer_id, is_current
FROM reference.hazard_layer
WHERE source_name = %(source_name)s AND snapshot_sha256 = %(snapshot_sha256)s
