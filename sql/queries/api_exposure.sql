-- The hazards of one property of the current tenant, as of a moment. Parameters: property_id, as_of (null = now).
SELECT property_id, flood_zone, flood_zone_subtype, is_in_sfha, base_flood_elevation_ft, flood_probability_30y,
       flood_score, flood_layer_id, flood_feature_row, burn_probability, wildfire_hazard_class,
       wildfire_probability_30y, wildfire_score, wildfire_layer_id, wildfire_feature_row, heat_wave_rate, warming_c,
       heat_probability_30y, heat_score, heat_layer_id, heat_feature_row, peak_ground_acceleration_g,
       seismic_design_category, seismic_probability_30y, seismic_score, seismic_layer_id, seismic_feature_row,
       composite_low, composite_high, unknown_hazards, uses_synthetic_layer, publication_id, published_at
FROM hazard.exposure
WHERE property_id = %(property_id)s
  AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND superseded_at > coalesce(%(as_of)s::timestamptz, now())
