-- The versions of a source that a version replaces stop being current: those of its vintage or older, and for a part of a
-- source only those whose ground it covers. A newer one stays.
-- Parameters: source_name, vintage_date, layer_id (of the version that replaces), is_part.
UPDATE reference.hazard_layer AS old
SET is_current = false
FROM reference.hazard_layer AS new
WHERE new.layer_id = %(layer_id)s
  AND old.source_name = %(source_name)s
  AND old.is_current
  AND old.vintage_date <= %(vintage_date)s
  AND (NOT %(is_part)s OR ST_CoveredBy(old.bounds, new.bounds))
