-- Whoever keeps answers in memory must hear when the data behind them move. Each statement that writes rows which the API reads tells
-- the tenants concerned on the channel estate_version: a tenant's identifier, or * for all. A notice goes out when its transaction
-- commits, once however many statements told it, and never when it is rolled back. It carries identifiers only, since every role that
-- may connect may listen.
--
-- Rows of published tables enter and leave with a row of provenance.publication. Those of ingest.raw_chunk, provenance.derivation and
-- reference.hazard_feature are reached through rows that tell. The counts of a publication are set in the transaction that inserts it.
CREATE FUNCTION platform.tell_version() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF TG_TABLE_SCHEMA <> 'reference' THEN
    PERFORM pg_notify('estate_version', tenant_id::text) FROM (SELECT DISTINCT tenant_id FROM moved) AS tenant;
  ELSIF EXISTS (SELECT FROM moved) THEN
    PERFORM pg_notify('estate_version', '*');
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER tell_version_of_insert AFTER INSERT ON provenance.publication REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON provenance.verdict REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON provenance.quarantine REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_update AFTER UPDATE ON provenance.quarantine REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON ingest.landing REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON ingest.snapshot REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON score.model REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON score.promotion REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON score.drift REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON score.ratio_study REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON score.sale_decision REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON reference.hazard_layer REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_update AFTER UPDATE ON reference.hazard_layer REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();
CREATE TRIGGER tell_version_of_insert AFTER INSERT ON reference.layer_landing REFERENCING NEW TABLE AS moved
  FOR EACH STATEMENT EXECUTE FUNCTION platform.tell_version();

-- The version of a tenant's data counts its quarantined rows and those resolved: read from this index, not from the rows themselves.
CREATE INDEX quarantine_resolved_at_idx ON provenance.quarantine (tenant_id, resolved_at);
