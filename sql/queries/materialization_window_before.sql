-- What the last run before this one found of each feature (features.profile), as the window that this one is compared with. A run that
-- its gate refused is no window: asked again, it would be compared with itself and pass. Parameters: run_id (of this one).
SELECT f.*
FROM features.profile AS f
WHERE f.run_id = (
  SELECT known.run_id
  FROM features.profile AS known
  WHERE known.run_id <> %(run_id)s
    AND EXISTS (SELECT FROM provenance.verdict AS v WHERE v.run_id = known.run_id AND v.table_name = 'features.profile')
    AND NOT EXISTS (SELECT FROM provenance.verdict AS v WHERE v.run_id = known.run_id AND v.table_name LIKE 'features.%%' AND NOT v.is_passed)
  ORDER BY known.profiled_at DESC, known.run_id
  LIMIT 1
)
