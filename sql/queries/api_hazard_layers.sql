-- One page of hazard layer versions, public to all tenants, the last loaded first. Parameters: after_id (layer_id of the last of the page
-- before, null = from the start), hazard (null = any), include_retired (also those that are not current), page_size.
SELECT layer_id, hazard, source_name, version, vintage_date, authority, is_synthetic, is_current, file_name, snapshot_sha256,
       feature_count, loaded_at, ST_AsGeoJSON(bounds, 7) AS coverage, ST_XMin(bounds) AS west, ST_YMin(bounds) AS south,
       ST_XMax(bounds) AS east, ST_YMax(bounds) AS north
FROM reference.hazard_layer
WHERE layer_id < coalesce(%(after_id)s::integer, 2147483647)
  AND hazard = coalesce(%(hazard)s::text, hazard)
  AND (is_current OR %(include_retired)s::boolean)
ORDER BY layer_id DESC
LIMIT %(page_size)s
