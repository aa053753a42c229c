-- Let a key of the current tenant open nothing from now on; one that was revoked before keeps its time. Parameters: key_id.
UPDATE platform.api_key SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = %(key_id)s RETURNING key_name, revoked_at
