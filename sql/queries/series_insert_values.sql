-- Add what a version says differently from the newest value of each area and period before it: new and revised values, and, where the
-- file holds the whole source, a null for each value that it says no more. Gives how many were added, how many of these withdraw a
-- value, and how many values were known before. Composed with psycopg.sql: staging. Parameters: source_name, series_id, is_complete.
WITH known AS MATERIALIZED (
  SELECT DISTINCT ON (v.area_code, v.period_date) v.area_code, v.period_date, v.value
  FROM reference.market_value AS v
  WHERE v.source_name = %(source_name)s
  ORDER BY v.area_code, v.period_date, v.series_id DESC
),
added AS (
  INSERT INTO reference.market_value (source_name, area_code, period_date, series_id, value)
  SELECT
    %(source_name)s, coalesce(staged.area_code, known.area_code), coalesce(staged.period_date, known.period_date), %(series_id)s,
    staged.value
  FROM {staging} AS staged
  FULL JOIN known ON known.area_code = staged.area_code AND known.period_date = staged.period_date
  WHERE staged.value IS DISTINCT FROM known.value AND (staged.value IS NOT NULL OR %(is_complete)s)
  RETURNING value
)
SELECT
  (SELECT count(*) FROM added) AS changed_count,
  (SELECT count(*) FROM added WHERE value IS NULL) AS withdrawn_count,
  (SELECT count(*) FROM known WHERE value IS NOT NULL) AS known_count
