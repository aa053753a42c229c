-- A version becomes current, unless a newer one of its source stands (for a part: a newer one that covers its ground).
-- Parameters: layer_id, source_name, vintage_date, is_part.
UPDATE reference.hazard_layer AS new
SET is_current = true
WHERE new.layer_id = %(layer_id)s
  AND NOT EXISTS (
    SELECT 1
    FROM reference.hazard_layer AS other
    WHERE other.source_name = %(source_name)s
      AND other.is_current
      AND other.vintage_date > %(vintage_date)s
      AND (NOT %(is_part)s OR ST_CoveredBy(new.bounds, other.bounds))
  )
