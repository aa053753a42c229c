-- Enter a new version of a layer, not yet current. Its bounds are the area it was read for, or, for a whole layer, those of
-- what waits in layer_feature. Returns its layer_id.
-- The caller holds the lock of the layers, so that the highest number stays the highest.
-- Parameters: hazard, source_name, version, vintage_date, authority, is_synthetic, snapshot_sha256, object_key, file_name, feature_count,
-- west, south, east, north (degrees; null for a whole layer).
INSERT INTO reference.hazard_layer (
  layer_id, hazard, source_name, version, vintage_date, authority, is_synthetic, snapshot_sha256, object_key, file_name,
  feature_count, bounds, loaded_at, is_current
)
SELECT
  (SELECT coalesce(max(layer_id), 0) + 1 FROM reference.hazard_layer),
  %(hazard)s, %(source_name)s, %(version)s, %(vintage_date)s, %(authority)s, %(is_synthetic)s, %(snapshot_sha256)s,
  %(object_key)s, %(file_name)s, %(feature_count)s,
  coalesce(
    ST_MakeEnvelope(%(west)s::float8, %(south)s::float8, %(east)s::float8, %(north)s::float8, 4326),
    (SELECT ST_SetSRID(ST_Extent(geom::geometry)::geometry, 4326) FROM layer_feature)
  ),
  now(), false
RETURNING layer_id
