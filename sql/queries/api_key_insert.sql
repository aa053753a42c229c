-- Keep a new key of the current tenant, without its secret. Parameters: tenant_id, key_id, key_name, role_name, secret_sha256, day_count
-- (until it expires).
INSERT INTO platform.api_key (tenant_id, key_id, key_name, role_name, secret_sha256, created_at, expires_at)
VALUES (%(tenant_id)s, %(key_id)s, %(key_name)s, %(role_name)s, %(secret_sha256)s, now(), now() + make_interval(days => %(day_count)s))
RETURNING expires_at
