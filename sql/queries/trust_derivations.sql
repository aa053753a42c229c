-- How the properties of a batch were made, each way once.
-- Keys: batch_key (property_id).
SELECT d.derivation_id, d.source_names, d.fields
FROM provenance.derivation AS d
WHERE d.derivation_id IN (
    SELECT p.derivation_id
    FROM normalize.property AS p
    JOIN batch_key AS k ON p.property_id = k.property_id::uuid
    WHERE p.superseded_at = 'infinity'
)
ORDER BY d.derivation_id
