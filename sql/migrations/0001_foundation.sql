-- Schemas (one a stage), who may enter them, and what nobody may do.
CREATE SCHEMA platform;
CREATE SCHEMA reference;
CREATE SCHEMA ingest;
CREATE SCHEMA normalize;
CREATE SCHEMA hazard;
CREATE SCHEMA score;
CREATE SCHEMA provenance;

GRANT USAGE ON SCHEMA platform, reference, ingest, normalize, hazard, score, provenance TO estate_pipeline, estate_api;

-- The pipeline stages its loads in temporary tables; the API needs none. Nobody creates in public.
DO $$
BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO estate_pipeline, estate_owner', current_database());
END
$$;
