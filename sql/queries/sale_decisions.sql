-- The latest decision about each sale of the tenant.
SELECT DISTINCT ON (d.sale_id) d.decision_id, d.sale_id, d.is_arms_length, d.reason, d.decided_by, d.decided_at
FROM score.sale_decision AS d
ORDER BY d.sale_id, d.decided_at DESC, d.decision_id DESC
