-- What the API asks the books: the latest verdict of a table, the files of a batch, and the attempts to land a file.
CREATE INDEX verdict_table_name_judged_at_idx ON provenance.verdict (tenant_id, table_name, judged_at);
CREATE INDEX snapshot_batch_id_idx ON ingest.snapshot (tenant_id, batch_id);
CREATE INDEX landing_source_name_snapshot_sha256_idx ON ingest.landing (tenant_id, source_name, snapshot_sha256);
-- A market area is the properties of one ZIP.
CREATE INDEX property_situs_zip_idx ON normalize.property (tenant_id, situs_zip) WHERE superseded_at = 'infinity';
-- What was known of a property's sales at a past moment, and its history; the partial indexes hold current rows only.
CREATE INDEX sale_of_property_idx ON normalize.sale (tenant_id, property_id, superseded_at);
CREATE INDEX sale_validation_of_property_idx ON score.sale_validation (tenant_id, property_id, superseded_at);
CREATE INDEX outcome_of_property_idx ON score.outcome (tenant_id, property_id, superseded_at);
