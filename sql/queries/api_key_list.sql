-- Every key of the current tenant, the newest first, with what it is now. No parameters.
SELECT
  key_id, key_name, role_name, created_at, expires_at, revoked_at,
  CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' ELSE 'open' END AS state
FROM platform.api_key
ORDER BY created_at DESC, key_id
