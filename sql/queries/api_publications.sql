-- Publications of the current tenant, each with the gate verdict that let it through. Parameters: publication_ids.
SELECT publication.publication_id, publication.batch_id, publication.run_id, publication.code_version,
       publication.vintage_date, publication.input_sha256, publication.published_at, verdict.verdict_id, verdict.is_passed,
       verdict.expectation_count, verdict.failures, verdict.rows_in, verdict.rows_quarantined, verdict.suite_sha256,
       verdict.docs_key, verdict.judged_at
FROM provenance.publication AS publication
LEFT JOIN provenance.verdict AS verdict ON verdict.verdict_id = publication.verdict_id
WHERE publication.publication_id = ANY(%(publication_ids)s)
