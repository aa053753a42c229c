-- The landed files of the current tenant that one model was trained on. Parameters: model_id.
SELECT snapshot_id, source_name, batch_id, vintage_date
FROM ingest.snapshot
WHERE snapshot_id = ANY((SELECT model.snapshot_ids FROM score.model WHERE model.model_id = %(model_id)s)::integer[])
ORDER BY snapshot_id
