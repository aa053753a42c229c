-- Tables of provenance: trust, and the platform's books. Comments, keys, forced row-level security, grants.
CREATE TABLE provenance.trust (
  tenant_id uuid NOT NULL,
  property_id uuid NOT NULL,
  property_trust double precision NOT NULL,
  field_trust_pct smallint[] NOT NULL,
  confirmed_vintage_date date NOT NULL,
  traced_field_count smallint NOT NULL,
  untraced_field_count smallint NOT NULL,
  untraced_fields text[] NOT NULL,
  publication_id bigint NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz DEFAULT 'infinity' NOT NULL,
  PRIMARY KEY (tenant_id, property_id, superseded_at)
);
COMMENT ON TABLE provenance.trust IS 'the trust in one property''s data, field by field';
COMMENT ON COLUMN provenance.trust.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.trust.property_id IS 'property';
COMMENT ON COLUMN provenance.trust.property_trust IS 'weakest-link-aware mean over the fields [0-1]';
COMMENT ON COLUMN provenance.trust.field_trust_pct IS 'trust of each traced field, in the order of provenance.trust.TRACED_FIELDS; null where the field is null [0-100]';
COMMENT ON COLUMN provenance.trust.confirmed_vintage_date IS 'newest vintage of a source that still says so';
COMMENT ON COLUMN provenance.trust.traced_field_count IS 'fields with a value and a source row [fields]';
COMMENT ON COLUMN provenance.trust.untraced_field_count IS 'fields with a value and no source row; the gate refuses any [fields]';
COMMENT ON COLUMN provenance.trust.untraced_fields IS 'their names';
COMMENT ON COLUMN provenance.trust.publication_id IS 'ledger row that published this version';
COMMENT ON COLUMN provenance.trust.published_at IS 'from when this version holds';
COMMENT ON COLUMN provenance.trust.superseded_at IS 'until when it held; infinity while current';
ALTER TABLE provenance.trust ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.trust FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.trust
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.trust TO estate_pipeline;
GRANT UPDATE (superseded_at) ON provenance.trust TO estate_pipeline;
GRANT SELECT ON provenance.trust TO estate_api;

CREATE TABLE provenance.publication (
  tenant_id uuid NOT NULL,
  publication_id bigint NOT NULL,
  table_name text NOT NULL,
  partition_name text NOT NULL,
  batch_id text NOT NULL,
  input_sha256 text NOT NULL,
  vintage_date date NOT NULL,
  verdict_id uuid NOT NULL,
  run_id text NOT NULL,
  code_version text NOT NULL,
  rows_in integer NOT NULL,
  rows_published integer NOT NULL,
  rows_closed integer NOT NULL,
  rows_unchanged integer NOT NULL,
  rows_quarantined integer NOT NULL,
  read_at timestamptz NOT NULL,
  published_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, publication_id)
);
CREATE INDEX publication_table_name_partition_name_publication_id_idx ON provenance.publication (tenant_id, table_name, partition_name, publication_id);
CREATE INDEX publication_batch_id_idx ON provenance.publication (tenant_id, batch_id);
COMMENT ON TABLE provenance.publication IS 'one publication of one partition of one table: the ledger';
COMMENT ON COLUMN provenance.publication.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.publication.publication_id IS 'number of the publication within the tenant';
COMMENT ON COLUMN provenance.publication.table_name IS 'table published';
COMMENT ON COLUMN provenance.publication.partition_name IS 'partition of the table';
COMMENT ON COLUMN provenance.publication.batch_id IS 'batch';
COMMENT ON COLUMN provenance.publication.input_sha256 IS 'SHA-256 of the judged frame';
COMMENT ON COLUMN provenance.publication.vintage_date IS 'the day the batch stands for';
COMMENT ON COLUMN provenance.publication.verdict_id IS 'gate verdict that let it through';
COMMENT ON COLUMN provenance.publication.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN provenance.publication.code_version IS 'version of the code that built it';
COMMENT ON COLUMN provenance.publication.rows_in IS 'rows that entered the stage [rows]';
COMMENT ON COLUMN provenance.publication.rows_published IS 'new versions [rows]';
COMMENT ON COLUMN provenance.publication.rows_closed IS 'versions closed [rows]';
COMMENT ON COLUMN provenance.publication.rows_unchanged IS 'rows that said nothing new [rows]';
COMMENT ON COLUMN provenance.publication.rows_quarantined IS 'rows kept back [rows]';
COMMENT ON COLUMN provenance.publication.read_at IS 'when the build read its inputs; of two builds of one row the later reader wins';
COMMENT ON COLUMN provenance.publication.published_at IS 'when';
ALTER TABLE provenance.publication ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.publication FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.publication
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.publication TO estate_pipeline;
GRANT UPDATE (rows_published, rows_closed, rows_unchanged) ON provenance.publication TO estate_pipeline;
GRANT SELECT ON provenance.publication TO estate_api;

CREATE TABLE provenance.verdict (
  tenant_id uuid NOT NULL,
  verdict_id uuid NOT NULL,
  batch_id text NOT NULL,
  table_name text NOT NULL,
  is_passed boolean NOT NULL,
  rows_in integer NOT NULL,
  rows_quarantined integer NOT NULL,
  expectation_count integer NOT NULL,
  failures jsonb NOT NULL,
  suite_sha256 text NOT NULL,
  judged_sha256 text,
  docs_key text,
  run_id text NOT NULL,
  judged_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, verdict_id)
);
CREATE INDEX verdict_batch_id_idx ON provenance.verdict (tenant_id, batch_id);
COMMENT ON TABLE provenance.verdict IS 'one judgement of one staged table of one batch';
COMMENT ON COLUMN provenance.verdict.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.verdict.verdict_id IS 'verdict';
COMMENT ON COLUMN provenance.verdict.batch_id IS 'batch';
COMMENT ON COLUMN provenance.verdict.table_name IS 'table judged';
COMMENT ON COLUMN provenance.verdict.is_passed IS 'whether it may be published';
COMMENT ON COLUMN provenance.verdict.rows_in IS 'rows judged [rows]';
COMMENT ON COLUMN provenance.verdict.rows_quarantined IS 'rows kept back [rows]';
COMMENT ON COLUMN provenance.verdict.expectation_count IS 'expectations run';
COMMENT ON COLUMN provenance.verdict.failures IS 'each failed expectation with column, rows, severity and reason';
COMMENT ON COLUMN provenance.verdict.suite_sha256 IS 'SHA-256 of the suite';
COMMENT ON COLUMN provenance.verdict.judged_sha256 IS 'SHA-256 of the rows let through; only exactly these may be published';
COMMENT ON COLUMN provenance.verdict.docs_key IS 'page of the Data Docs';
COMMENT ON COLUMN provenance.verdict.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN provenance.verdict.judged_at IS 'when';
ALTER TABLE provenance.verdict ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.verdict FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.verdict
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.verdict TO estate_pipeline;
GRANT SELECT ON provenance.verdict TO estate_api;

CREATE TABLE provenance.quarantine (
  tenant_id uuid NOT NULL,
  quarantine_id uuid NOT NULL,
  batch_id text NOT NULL,
  table_name text NOT NULL,
  row_key text NOT NULL,
  row_number integer,
  raw_row jsonb NOT NULL,
  expectation text NOT NULL,
  field_name text,
  reason text NOT NULL,
  run_id text NOT NULL,
  quarantined_at timestamptz NOT NULL,
  resolved_at timestamptz,
  PRIMARY KEY (tenant_id, quarantine_id)
);
CREATE INDEX quarantine_batch_id_idx ON provenance.quarantine (tenant_id, batch_id);
COMMENT ON TABLE provenance.quarantine IS 'one row kept back by one expectation';
COMMENT ON COLUMN provenance.quarantine.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.quarantine.quarantine_id IS 'derived from batch, table, row and expectation';
COMMENT ON COLUMN provenance.quarantine.batch_id IS 'batch';
COMMENT ON COLUMN provenance.quarantine.table_name IS 'table the row was meant for';
COMMENT ON COLUMN provenance.quarantine.row_key IS 'key of the row';
COMMENT ON COLUMN provenance.quarantine.row_number IS 'row of the source file, where one row made it';
COMMENT ON COLUMN provenance.quarantine.raw_row IS 'the row as it came';
COMMENT ON COLUMN provenance.quarantine.expectation IS 'expectation it broke';
COMMENT ON COLUMN provenance.quarantine.field_name IS 'column concerned';
COMMENT ON COLUMN provenance.quarantine.reason IS 'why the expectation stands';
COMMENT ON COLUMN provenance.quarantine.run_id IS 'Airflow DAG and run';
COMMENT ON COLUMN provenance.quarantine.quarantined_at IS 'when';
COMMENT ON COLUMN provenance.quarantine.resolved_at IS 'when a replay published the row; null while it waits';
ALTER TABLE provenance.quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.quarantine FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.quarantine
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.quarantine TO estate_pipeline;
GRANT UPDATE (resolved_at) ON provenance.quarantine TO estate_pipeline;
GRANT SELECT ON provenance.quarantine TO estate_api;

CREATE TABLE provenance.derivation (
  tenant_id uuid NOT NULL,
  derivation_id integer NOT NULL,
  derivation_sha256 text NOT NULL,
  source_names text[] NOT NULL,
  fields jsonb NOT NULL,
  PRIMARY KEY (tenant_id, derivation_id)
);
COMMENT ON TABLE provenance.derivation IS 'one way in which the fields of a property were made; shared by all properties made alike';
COMMENT ON COLUMN provenance.derivation.tenant_id IS 'tenant that brought the data';
COMMENT ON COLUMN provenance.derivation.derivation_id IS 'number of the derivation within the tenant';
COMMENT ON COLUMN provenance.derivation.derivation_sha256 IS 'SHA-256 of the steps';
COMMENT ON COLUMN provenance.derivation.source_names IS 'sources, in the order of the property''s snapshot_ids';
COMMENT ON COLUMN provenance.derivation.fields IS 'per field: ordinal of the record, source columns, rules, how it was made, whether sources agree';
ALTER TABLE provenance.derivation ENABLE ROW LEVEL SECURITY;
ALTER TABLE provenance.derivation FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON provenance.derivation
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON provenance.derivation TO estate_pipeline;
GRANT SELECT ON provenance.derivation TO estate_api;
