-- One property of the current tenant that shows much: valued with high confidence by a model, with few hazards unknown, changes open
-- and many comparables. No parameters.
SELECT valuation.property_id
FROM score.valuation AS valuation
JOIN hazard.exposure AS exposure
  ON exposure.tenant_id = valuation.tenant_id AND exposure.property_id = valuation.property_id
 AND exposure.superseded_at = 'infinity'
LEFT JOIN (
  SELECT property_id, count(*) AS change_count
  FROM score.counterfactual
  WHERE superseded_at = 'infinity'
  GROUP BY property_id
) AS open ON open.property_id = valuation.property_id
WHERE valuation.superseded_at = 'infinity' AND valuation.refusal_reason IS NULL AND valuation.model_id IS NOT NULL
ORDER BY cardinality(exposure.unknown_hazards), coalesce(open.change_count, 0) > 1 DESC, valuation.confidence_band = 'high' DESC,
         exposure.composite_high DESC, valuation.comparable_count DESC, valuation.property_id
LIMIT 1
