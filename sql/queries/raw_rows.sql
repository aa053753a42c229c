-- Raw rows of a batch's file as objects of column name and text. Parameters: batch_id, row_numbers.
SELECT wanted.row_number, jsonb_object(snapshot.header, ARRAY(SELECT jsonb_array_elements_text(chunk.rows -> (wanted.row_number - chunk.first_row)))) AS raw_row
FROM ingest.snapshot
JOIN unnest(%(row_numbers)s::integer[]) AS wanted (row_number) ON true
JOIN LATERAL (
  SELECT first_row, rows
  FROM ingest.raw_chunk
  WHERE raw_chunk.snapshot_id = snapshot.snapshot_id AND raw_chunk.first_row <= wanted.row_number
  ORDER BY first_row DESC
  LIMIT 1
) AS chunk ON true
WHERE snapshot.batch_id = %(batch_id)s
