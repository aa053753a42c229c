-- One property of the current tenant that shows much: valued, with few hazards unknown and many comparables. No parameters.
SELECT valuation.property_id
FROM score.valuation AS valuation
JOIN hazard.exposure AS exposure
  ON exposure.tenant_id = valuation.tenant_id AND exposure.property_id = valuation.property_id
 AND exposure.superseded_at = 'infinity'
WHERE valuation.superseded_at = 'infinity' AND valuation.refusal_reason IS NULL
ORDER BY cardinality(exposure.unknown_hazards), exposure.composite_high DESC, valuation.comparable_count DESC, valuation.property_id
LIMIT 1
