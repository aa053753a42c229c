-- Keep one row of the current tenant's audit; a row that is sent again changes nothing. Parameters: the columns of platform.audit.
INSERT INTO platform.audit (
  tenant_id, audit_id, occurred_at, action, what, subject, credential, route, method, status, request_id
) VALUES (
  %(tenant_id)s, %(audit_id)s, %(occurred_at)s, %(action)s, %(what)s, %(subject)s, %(credential)s, %(route)s, %(method)s, %(status)s,
  %(request_id)s
)
ON CONFLICT DO NOTHING
