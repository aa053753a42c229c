-- The hazards of each property of the tenant, one row a version (features.property_hazard). The ground that is flooded once in 500 years
-- holds that which is flooded once in 100. A zone X without a subtype may be shaded or not, and one behind a levee or of future conditions
-- is not told by its name: there it is unknown.
SELECT
  e.tenant_id, e.property_id, e.published_at AS event_at, e.superseded_at AS until_at,
  (SELECT min(l.vintage_date) FROM reference.hazard_layer AS l
   WHERE l.layer_id IN (e.flood_layer_id, e.wildfire_layer_id, e.heat_layer_id, e.seismic_layer_id))::timestamp
    AT TIME ZONE 'UTC' AS observed_at,
  e.flood_zone, e.flood_score, e.wildfire_score, e.heat_score AS heat_intensity, e.seismic_design_category AS seismic_zone,
  e.is_in_sfha AS is_in_100_year_floodplain,
  CASE
    WHEN e.is_in_sfha OR e.flood_zone = 'B' THEN true
    WHEN e.flood_zone = 'C' OR strpos(upper(e.flood_zone_subtype), 'MINIMAL') > 0 THEN false
    WHEN e.flood_zone = 'X' AND upper(e.flood_zone_subtype) ~ '0[.]2 P|1 P[A-Z]* D(EPTH|RAINAGE)|CONTAINED IN' THEN true
  END AS is_in_500_year_floodplain,
  NULL::float8 AS elevation_ft
FROM hazard.exposure AS e
