-- The comparables that carry the value of one property of the current tenant, as of a moment, each with the property sold and the row of
-- the file that tells of the sale: of the version of the moment, or the last before it. Parameters: property_id, as_of (null = now).
SELECT comparable.comparable_rank, comparable.sale_id, comparable.weight, comparable.distance_m, comparable.sale_age_days,
       comparable.sale_price_usd, comparable.market_time_adjustment_usd, comparable.living_area_adjustment_usd,
       comparable.lot_area_adjustment_usd, comparable.year_built_adjustment_usd, comparable.bedroom_adjustment_usd,
       comparable.bathroom_adjustment_usd, comparable.condition_adjustment_usd, comparable.quality_adjustment_usd,
       comparable.basement_adjustment_usd, comparable.waterfront_adjustment_usd, comparable.view_adjustment_usd,
       comparable.adjusted_price_usd, sale.property_id AS sold_property_id, sale.source_name, sale.snapshot_id, sale.row_number,
       snapshot.file_name, snapshot.snapshot_sha256, snapshot.vintage_date, snapshot.batch_id
FROM score.comparable AS comparable
LEFT JOIN LATERAL (
  SELECT property_id, source_name, snapshot_id, row_number
  FROM normalize.sale
  WHERE sale_id = comparable.sale_id
    AND published_at <= coalesce(%(as_of)s::timestamptz, now())
  ORDER BY superseded_at DESC
  LIMIT 1
) AS sale ON true
LEFT JOIN ingest.snapshot AS snapshot ON snapshot.snapshot_id = sale.snapshot_id
WHERE comparable.property_id = %(property_id)s
  AND comparable.published_at <= coalesce(%(as_of)s::timestamptz, now())
  AND comparable.superseded_at > coalesce(%(as_of)s::timestamptz, now())
ORDER BY comparable.comparable_rank
