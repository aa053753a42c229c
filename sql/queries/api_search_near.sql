-- The current tenant's properties with their distance_m from a point, null without coordinates; for the query around it to narrow. The
-- haversine of a sphere: half a percent from the ellipsoid at most. Parameters: near_latitude, near_longitude (degrees), earth_radius_m.
SELECT summary.*,
       2 * %(earth_radius_m)s::double precision * asin(least(1, sqrt(
         power(sin(radians(latitude - %(near_latitude)s::double precision) / 2), 2)
         + cos(radians(%(near_latitude)s::double precision)) * cos(radians(latitude))
           * power(sin(radians(longitude - %(near_longitude)s::double precision) / 2), 2)
       ))) AS distance_m
FROM provenance.summary
