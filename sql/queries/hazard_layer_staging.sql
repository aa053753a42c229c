-- Where the features of one layer wait to be cut; gone with the transaction. No parameters.
CREATE TEMPORARY TABLE layer_feature (
  feature_row integer NOT NULL,
  geom text NOT NULL,
  flood_zone text,
  flood_zone_subtype text,
  is_in_sfha boolean,
  base_flood_elevation_ft double precision,
  burn_probability double precision,
  wildfire_hazard_class smallint,
  heat_wave_rate double precision,
  warming_c double precision,
  peak_ground_acceleration_g double precision,
  seismic_design_category text
) ON COMMIT DROP
