-- What the current tenant's data are, as one short text: the same for whoever asks while nothing moves, another after anything did.
-- Rows are only ever added, so their number tells of each of them, also of one that commits later than a row with a later time; the
-- times tell a database from one that was restored and has grown differently since. Layers are few and may be made current, set aside
-- and made current again: there each version of a row is told by the transaction that wrote it.
SELECT json_build_array(
  (SELECT json_build_array(count(*), max(publication_id)) FROM provenance.publication),
  (SELECT json_build_array(count(*), extract(epoch FROM max(judged_at))) FROM provenance.verdict),
  (SELECT json_build_array(count(*), count(resolved_at), extract(epoch FROM max(resolved_at))) FROM provenance.quarantine),
  (SELECT json_build_array(count(*), extract(epoch FROM max(landed_at))) FROM ingest.landing),
  (SELECT json_build_array(count(*), extract(epoch FROM max(landed_at))) FROM ingest.snapshot),
  (SELECT json_build_array(count(*), extract(epoch FROM max(trained_at))) FROM score.model),
  (SELECT json_build_array(count(*), extract(epoch FROM max(promoted_at))) FROM score.promotion),
  (SELECT json_build_array(count(*), extract(epoch FROM max(measured_at))) FROM score.drift),
  (SELECT count(*) FROM score.ratio_study),
  (SELECT json_build_array(count(*), extract(epoch FROM max(decided_at))) FROM score.sale_decision),
  (SELECT json_build_array(count(*), extract(epoch FROM max(materialized_at))) FROM features.materialization),
  (SELECT json_build_array(count(*), extract(epoch FROM max(profiled_at))) FROM features.profile),
  (SELECT json_build_array(count(*), extract(epoch FROM max(audited_at))) FROM features.parity),
  (SELECT string_agg(layer_id || '.' || xmin::text, ',' ORDER BY layer_id) FROM reference.hazard_layer),
  (SELECT json_build_array(count(*), extract(epoch FROM max(landed_at))) FROM reference.layer_landing)
)::text AS state
