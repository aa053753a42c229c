-- Every decision of the current tenant that one model serves, the newest first. Parameters: model_id.
SELECT promotion_id, promoted_at, promoted_by, reason, is_rollback, run_id
FROM score.promotion
WHERE model_id = %(model_id)s
ORDER BY promoted_at DESC
