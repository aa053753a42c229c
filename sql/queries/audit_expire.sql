-- Delete what the audit of the current tenant has kept for 90 days; returns how many rows. No parameters.
SELECT platform.expire_audit() AS row_count
