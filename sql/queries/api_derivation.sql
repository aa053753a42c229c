-- How the fields of a property were made, and the sources in the order of its records. Parameters: derivation_id.
SELECT source_names, fields
FROM provenance.derivation
WHERE derivation_id = %(derivation_id)s
