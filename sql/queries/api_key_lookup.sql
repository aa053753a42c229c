-- The row of exactly one key, before the caller's tenant is known. Parameters: key_id.
SELECT tenant_id, key_name, role_name, secret_sha256, expires_at, revoked_at FROM platform.api_key_named(%(key_id)s)
