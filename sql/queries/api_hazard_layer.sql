-- One hazard layer version, public to all tenants. Parameters: layer_id.
SELECT layer_id, hazard, source_name, version, vintage_date, authority, is_synthetic, is_current, file_name, snapshot_sha256,
       feature_count, loaded_at, ST_AsGeoJSON(bounds, 7) AS coverage, ST_XMin(bounds) AS west, ST_YMin(bounds) AS south,
       ST_XMax(bounds) AS east, ST_YMax(bounds) AS north
FROM reference.hazard_layer
WHERE layer_id = %(layer_id)s
