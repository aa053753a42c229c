-- Rows of landed files of the current tenant exactly as the files wrote them, with the file. Parameters: snapshot_ids and row_numbers,
-- two arrays of one length.
SELECT wanted.snapshot_id, wanted.row_number, snapshot.source_name, snapshot.file_name, snapshot.snapshot_sha256, snapshot.batch_id,
       snapshot.vintage_date, snapshot.landed_at, snapshot.header, chunk.raw_row
FROM unnest(%(snapshot_ids)s::integer[], %(row_numbers)s::integer[]) AS wanted (snapshot_id, row_number)
JOIN ingest.snapshot AS snapshot ON snapshot.snapshot_id = wanted.snapshot_id
LEFT JOIN LATERAL (
  SELECT raw_chunk.rows -> (wanted.row_number - raw_chunk.first_row) AS raw_row
  FROM ingest.raw_chunk
  WHERE raw_chunk.snapshot_id = wanted.snapshot_id
    AND raw_chunk.first_row <= wanted.row_number
  ORDER BY raw_chunk.first_row DESC
  LIMIT 1
) AS chunk ON true
