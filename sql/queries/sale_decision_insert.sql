-- Keep one decision about a sale; the same decision of the same run again adds nothing. Parameters: the columns of score.sale_decision.
INSERT INTO score.sale_decision (tenant_id, decision_id, sale_id, is_arms_length, reason, decided_by, run_id, decided_at)
VALUES (
  %(tenant_id)s, %(decision_id)s, %(sale_id)s, %(is_arms_length)s, %(reason)s, %(decided_by)s, %(run_id)s, %(decided_at)s
)
ON CONFLICT (tenant_id, decision_id) DO NOTHING
