-- Where the properties of a batch lie: their point, and their parcel where it is known.
-- Keys: batch_key (property_id).
SELECT p.property_id, p.latitude, p.longitude, ST_AsHEXEWKB(p.parcel_geom) AS parcel_geom
FROM normalize.property AS p
JOIN batch_key AS k ON p.property_id = k.property_id::uuid
WHERE p.superseded_at = 'infinity'
ORDER BY p.property_id
