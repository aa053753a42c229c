-- The pieces of the current hazard layers that touch any of the given boxes, each once, with what their layer is.
-- Keys: batch_key (west, south, east, north; degrees).
SELECT l.hazard, l.is_synthetic, l.vintage_date, f.layer_id, f.feature_row, f.piece, ST_AsHEXEWKB(f.geom) AS geom,
       f.flood_zone, f.flood_zone_subtype, f.is_in_sfha, f.base_flood_elevation_ft,
       f.burn_probability, f.wildfire_hazard_class, f.heat_wave_rate, f.warming_c,
       f.peak_ground_acceleration_g, f.seismic_design_category
FROM (
  SELECT DISTINCT near.layer_id, near.feature_row, near.piece
  FROM batch_key AS k
  JOIN reference.hazard_feature AS near
    ON near.geom && ST_MakeEnvelope(k.west::float8, k.south::float8, k.east::float8, k.north::float8, 4326)
) AS near
JOIN reference.hazard_layer AS l ON l.layer_id = near.layer_id AND l.is_current
JOIN reference.hazard_feature AS f ON f.layer_id = near.layer_id AND f.feature_row = near.feature_row AND f.piece = near.piece
ORDER BY f.layer_id, f.feature_row, f.piece
