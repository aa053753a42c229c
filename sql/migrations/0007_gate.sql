-- A row enters a published table only in the transaction that wrote its ledger row, and only when that names a verdict which passed on
-- the rows with the ledger's digest: no flow that forgets the gate, no shell and no earlier publication's number gets a row in.
-- Checked once per statement, not per row.
CREATE FUNCTION provenance.require_passed_gate() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF EXISTS (
    SELECT 1
    FROM (SELECT DISTINCT tenant_id, publication_id FROM added) AS new_row
    WHERE NOT EXISTS (
      SELECT 1
      FROM provenance.publication AS publication
      JOIN provenance.verdict AS verdict USING (tenant_id, verdict_id)
      WHERE publication.tenant_id = new_row.tenant_id
        AND publication.publication_id = new_row.publication_id
        AND publication.xmin = pg_current_xact_id()::xid
        AND publication.table_name = TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
        AND verdict.table_name = publication.table_name
        AND verdict.batch_id = publication.batch_id
        AND verdict.is_passed
        AND verdict.judged_sha256 = publication.input_sha256
    )
  ) THEN
    RAISE EXCEPTION '%.%: rows may enter only through a publication whose gate passed', TG_TABLE_SCHEMA, TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation',
            HINT = 'Build, gate and publish the batch; a verdict names the rows it let through by their digest.';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER require_passed_gate AFTER INSERT ON ingest.record REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
CREATE TRIGGER require_passed_gate AFTER INSERT ON normalize.property REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
CREATE TRIGGER require_passed_gate AFTER INSERT ON normalize.sale REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
CREATE TRIGGER require_passed_gate AFTER INSERT ON normalize.conflict REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
CREATE TRIGGER require_passed_gate AFTER INSERT ON hazard.exposure REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
CREATE TRIGGER require_passed_gate AFTER INSERT ON score.valuation REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
CREATE TRIGGER require_passed_gate AFTER INSERT ON score.comparable REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
CREATE TRIGGER require_passed_gate AFTER INSERT ON score.risk REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
CREATE TRIGGER require_passed_gate AFTER INSERT ON provenance.trust REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION provenance.require_passed_gate();
