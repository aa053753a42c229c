-- After a large publication the planner must look anew, or the next stage reads with the plan of an empty table. Only an owner may
-- ANALYZE, and the pipeline owns nothing: this function does it, for published tables and nothing else.
CREATE FUNCTION platform.refresh_statistics(table_name text) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (
    SELECT 1
    FROM pg_catalog.pg_class AS class
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
    WHERE class.relkind = 'r'
      AND namespace.nspname || '.' || class.relname = refresh_statistics.table_name
      AND namespace.nspname IN ('ingest', 'normalize', 'hazard', 'score', 'provenance')
  ) THEN
    RAISE EXCEPTION '% is no table of a stage', refresh_statistics.table_name;
  END IF;
  EXECUTE format('ANALYZE %I.%I', split_part(refresh_statistics.table_name, '.', 1), split_part(refresh_statistics.table_name, '.', 2));
END
$$;

REVOKE ALL ON FUNCTION platform.refresh_statistics(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.refresh_statistics(text) TO estate_pipeline;
