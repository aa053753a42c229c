-- Waterfront and view, which the sales of King County state and which move prices more than anything else that is missing here.
-- Nullable and without a default: rows written before stay as they are, and say that nothing is known.
ALTER TABLE ingest.record ADD COLUMN has_waterfront boolean, ADD COLUMN view_code smallint;
COMMENT ON COLUMN ingest.record.has_waterfront IS 'whether the land reaches the water; null where the source does not say';
COMMENT ON COLUMN ingest.record.view_code IS 'view, 0 none to 4 excellent';
ALTER TABLE normalize.property ADD COLUMN has_waterfront boolean, ADD COLUMN view_code smallint;
COMMENT ON COLUMN normalize.property.has_waterfront IS 'whether the land reaches the water; null where the source does not say';
COMMENT ON COLUMN normalize.property.view_code IS 'view, 0 none to 4 excellent';
