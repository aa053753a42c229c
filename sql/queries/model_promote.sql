-- Promote a model, later than any promotion of its county even where a clock was set back; the same promotion again adds nothing.
-- Parameters: tenant_id, promotion_id, model_id, county_fips, is_rollback, promoted_by, reason, run_id.
INSERT INTO score.promotion (tenant_id, promotion_id, model_id, county_fips, is_rollback, promoted_at, promoted_by, reason, run_id)
SELECT
    %(tenant_id)s, %(promotion_id)s, %(model_id)s, %(county_fips)s, %(is_rollback)s,
    greatest(clock_timestamp(), max(promoted_at) + interval '1 microsecond'), %(promoted_by)s, %(reason)s, %(run_id)s
FROM score.promotion
WHERE county_fips = %(county_fips)s
ON CONFLICT (tenant_id, promotion_id) DO NOTHING
