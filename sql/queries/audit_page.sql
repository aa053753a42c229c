-- One page of the current tenant's audit, the newest first. Parameters: page_size; after_at and after_id, occurred_at and audit_id of the
-- last row of the page before (null for the first page); since, the earliest time (null for all); action, personal_read or refused
-- (null for both).
SELECT audit_id, occurred_at, action, what, subject, credential, route, method, status, request_id
FROM platform.audit
WHERE
  -- One comparison of rows, never an OR: whatever plan is kept walks the index from here.
  (occurred_at, audit_id) < (
    coalesce(%(after_at)s::timestamptz, 'infinity'), coalesce(%(after_id)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
  )
  AND occurred_at >= coalesce(%(since)s::timestamptz, '-infinity')
  AND action = coalesce(%(action)s::text, action)
ORDER BY occurred_at DESC, audit_id DESC
LIMIT %(page_size)s
