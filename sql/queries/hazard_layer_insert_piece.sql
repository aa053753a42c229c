-- Cut the features that wait in layer_feature into valid polygons of at most 128 vertices, numbered within their feature.
-- Lines and points that a cut leaves behind are no ground and are dropped. Parameters: layer_id.
INSERT INTO reference.hazard_feature (
  layer_id, feature_row, piece, geom, flood_zone, flood_zone_subtype, is_in_sfha, base_flood_elevation_ft, burn_probability,
  wildfire_hazard_class, heat_wave_rate, warming_c, peak_ground_acceleration_g, seismic_design_category
)
SELECT
  %(layer_id)s, f.feature_row, cut.piece, cut.geom, f.flood_zone, f.flood_zone_subtype, f.is_in_sfha, f.base_flood_elevation_ft,
  f.burn_probability, f.wildfire_hazard_class, f.heat_wave_rate, f.warming_c, f.peak_ground_acceleration_g,
  f.seismic_design_category
FROM layer_feature AS f
CROSS JOIN LATERAL (
  SELECT row_number() OVER () AS piece, part.geom
  FROM ST_Subdivide(f.geom::geometry, 128) AS subdivided (geom)
  CROSS JOIN LATERAL ST_Dump(ST_CollectionExtract(subdivided.geom, 3)) AS part
  WHERE NOT ST_IsEmpty(part.geom)
) AS cut
