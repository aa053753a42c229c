-- Add one derivation. Parameters: the columns of provenance.derivation.
INSERT INTO provenance.derivation (tenant_id, derivation_id, derivation_sha256, source_names, fields)
VALUES (%(tenant_id)s, %(derivation_id)s, %(derivation_sha256)s, %(source_names)s, %(fields)s)
