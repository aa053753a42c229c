-- Who may read: the keys of services, and the audit of what was refused and of every read of personal data.

-- An administrator issues keys as the owner. Neither the pipeline nor the API may list or change them: the API asks for one key by its
-- id, with the function below.
CREATE TABLE platform.api_key (
  tenant_id uuid NOT NULL,
  key_id text NOT NULL,
  key_name text NOT NULL,
  role_name text NOT NULL,
  secret_sha256 text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (tenant_id, key_id),
  CHECK (expires_at <= created_at + interval '366 days')
);
COMMENT ON TABLE platform.api_key IS 'one API key of a service';
COMMENT ON COLUMN platform.api_key.tenant_id IS 'tenant whose data the key opens';
COMMENT ON COLUMN platform.api_key.key_id IS 'public half of the key: its tenant''s identifier and 16 random hexadecimal digits';
COMMENT ON COLUMN platform.api_key.key_name IS 'what the key is for';
COMMENT ON COLUMN platform.api_key.role_name IS 'what the key may do: viewer, analyst or admin';
COMMENT ON COLUMN platform.api_key.secret_sha256 IS 'SHA-256 of the secret half, which is kept nowhere';
COMMENT ON COLUMN platform.api_key.created_at IS 'when it was issued';
COMMENT ON COLUMN platform.api_key.expires_at IS 'until when it opens; at most 366 days after it was issued';
COMMENT ON COLUMN platform.api_key.revoked_at IS 'from when it opens no more; null while it does';
ALTER TABLE platform.api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.api_key FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON platform.api_key
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));

-- The row of exactly one key, before the caller's tenant is known. A key id begins with its tenant, and the lookup runs as that tenant:
-- row-level security holds here as everywhere, and a key id that names another tenant finds nothing. The caller's own tenant is
-- set again before the function returns; where it fails, the transaction's end does it.
CREATE FUNCTION platform.api_key_named(wanted_key_id text)
RETURNS TABLE (tenant_id uuid, key_name text, role_name text, secret_sha256 text, expires_at timestamptz, revoked_at timestamptz)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  own_tenant text := coalesce(current_setting('app.tenant_id', true), '');
BEGIN
  IF wanted_key_id IS NULL OR wanted_key_id !~ '^[0-9a-f]{48}$' THEN
    RETURN;
  END IF;
  PERFORM set_config('app.tenant_id', left(wanted_key_id, 32)::uuid::text, true);
  RETURN QUERY
  SELECT k.tenant_id, k.key_name, k.role_name, k.secret_sha256, k.expires_at, k.revoked_at
  FROM platform.api_key AS k
  WHERE k.tenant_id = left(wanted_key_id, 32)::uuid AND k.key_id = wanted_key_id;
  PERFORM set_config('app.tenant_id', own_tenant, true);
END
$$;

REVOKE ALL ON FUNCTION platform.api_key_named(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.api_key_named(text) TO estate_api;

-- Refusals of callers who proved no tenant stand under the nil UUID, which no token, key or tenant can have: the one policy of all
-- tenants' tables holds for them too, and nobody reads them through the API.
CREATE TABLE platform.audit (
  tenant_id uuid NOT NULL,
  audit_id uuid NOT NULL,
  occurred_at timestamptz NOT NULL,
  action text NOT NULL,
  what text NOT NULL,
  subject text,
  credential text,
  route text,
  method text NOT NULL,
  status smallint,
  request_id text NOT NULL,
  PRIMARY KEY (tenant_id, audit_id)
);
CREATE INDEX audit_occurred_at_audit_id_idx ON platform.audit (tenant_id, occurred_at, audit_id);
COMMENT ON TABLE platform.audit IS 'one read of personal data, or one request that was refused; kept 90 days';
COMMENT ON COLUMN platform.audit.tenant_id IS 'tenant of the caller; the nil UUID for a caller who proved none';
COMMENT ON COLUMN platform.audit.audit_id IS 'random';
COMMENT ON COLUMN platform.audit.occurred_at IS 'when';
COMMENT ON COLUMN platform.audit.action IS 'personal_read or refused';
COMMENT ON COLUMN platform.audit.what IS 'which personal data; or why it was refused';
COMMENT ON COLUMN platform.audit.subject IS 'who: the token''s subject, or key/<key id>/<key name>; null for a caller who proved none';
COMMENT ON COLUMN platform.audit.credential IS 'token or key; null for a caller who proved none';
COMMENT ON COLUMN platform.audit.route IS 'template of the address; null where no route answers it';
COMMENT ON COLUMN platform.audit.method IS 'HTTP method';
COMMENT ON COLUMN platform.audit.status IS 'HTTP status of the refusal; null for a read, which is written down before it is answered';
COMMENT ON COLUMN platform.audit.request_id IS 'request, as in the log and the answer';
ALTER TABLE platform.audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform.audit FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON platform.audit
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON platform.audit TO estate_api;

-- The only way in which a row leaves the audit, for the tenant that is set; a younger one nobody but the owner can delete.
CREATE FUNCTION platform.expire_audit() RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  expired_count bigint;
BEGIN
  DELETE FROM platform.audit AS a
  WHERE a.tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) AND a.occurred_at < now() - interval '90 days';
  GET DIAGNOSTICS expired_count = ROW_COUNT;
  RETURN expired_count;
END
$$;

REVOKE ALL ON FUNCTION platform.expire_audit() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.expire_audit() TO estate_pipeline;
