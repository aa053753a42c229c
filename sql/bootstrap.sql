-- Roles and databases of one PostgreSQL server; run by psql as a superuser, any number of times.
-- Environment: ESTATE_DATABASE, ESTATE_TEMPLATE (template0, or a migrated database to copy), OWNER_PASSWORD, PIPELINE_PASSWORD,
-- API_PASSWORD, REGISTRY_PASSWORD, AIRFLOW_DATABASE_PASSWORD. Passwords come through the environment, so that no process list or log
-- shows them.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET log_min_error_statement = panic;
\getenv database ESTATE_DATABASE
\getenv template ESTATE_TEMPLATE
\getenv owner_password OWNER_PASSWORD
\getenv pipeline_password PIPELINE_PASSWORD
\getenv api_password API_PASSWORD
\getenv registry_password REGISTRY_PASSWORD
\getenv airflow_password AIRFLOW_DATABASE_PASSWORD

-- Two at once would collide on the same role rows.
SELECT pg_advisory_lock(hashtext('estate.bootstrap')) AS locked \gset

-- The owner migrates; pipeline and API own nothing and cannot pass row-level security; Feast's registry, whose tables Feast makes itself,
-- has a schema of its own and sees no other; Airflow sees its own database only.
SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['estate_owner', 'estate_pipeline', 'estate_api', 'estate_registry', 'airflow']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE estate_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
ALTER ROLE estate_pipeline LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'pipeline_password';
ALTER ROLE estate_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'api_password';
ALTER ROLE estate_registry LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'registry_password';
ALTER ROLE airflow LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'airflow_password';
ALTER ROLE estate_api SET statement_timeout = '10s';
ALTER ROLE estate_api SET idle_in_transaction_session_timeout = '30s';

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE %I', name, owner, template)
FROM (VALUES (:'database', 'estate_owner', :'template'), ('airflow', 'airflow', 'template0')) AS wanted (name, owner, template)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

-- A copied database does not inherit these from its template.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO estate_pipeline, estate_owner;
GRANT CONNECT ON DATABASE :"database" TO estate_api, estate_registry;
REVOKE ALL ON DATABASE airflow FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE airflow TO airflow;
SELECT pg_advisory_unlock(hashtext('estate.bootstrap')) AS unlocked \gset

\connect :"database"
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE SCHEMA IF NOT EXISTS registry AUTHORIZATION estate_registry;
