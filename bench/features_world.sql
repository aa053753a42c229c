-- What features are measured on, as a superuser and past the gates: the tenant %(whole)s with %(properties)s properties and the tenant
-- %(tenth)s with a tenth of them; each property in two versions, the second asking less for every other one, and with hazards of four
-- layers, and confirmed each time; the ledger says so. Nulls stand where real sources leave them. Parameters: whole, tenth, properties.
SET session_replication_role = replica;
SELECT setseed(0.41);

CREATE TEMPORARY TABLE subject AS
SELECT
    tenant_id,
    md5(tenant_id || '/' || n)::uuid AS property_id,
    n,
    round((47.15 + 0.63 * random())::numeric, 5)::float8 AS latitude,
    round((-122.52 + 1.2 * power(random(), 2))::numeric, 5)::float8 AS longitude,
    (600 + 3400 * random())::integer::float8 AS living_area_sqft,
    (1900 + 120 * random())::integer AS year_built,
    CASE WHEN random() < 0.1 THEN (1990 + 30 * random())::integer END AS year_renovated,
    (1 + 5 * random())::integer::float8 AS bedroom_count,
    CASE WHEN random() < 0.4 THEN round((150000 * exp(random() * 2.2))::numeric, 2) END AS list_price_usd,
    round((150000 * exp(random() * 2.2))::numeric, 2) AS assessed_value_usd,
    random() AS score
FROM (VALUES (%(whole)s::uuid, %(properties)s), (%(tenth)s::uuid, %(properties)s / 10)) AS tenant (tenant_id, properties),
     LATERAL generate_series(0, properties - 1) AS n;

CREATE TEMPORARY TABLE published AS
SELECT t.tenant_id, p.publication_id, p.table_name, p.published_at, p.superseded_at, t.properties
FROM (SELECT tenant_id, count(*) AS properties FROM subject GROUP BY tenant_id) AS t,
     (VALUES (1, 'normalize.property', timestamptz '2026-01-02 06:00:00Z', timestamptz '2026-03-02 06:00:00Z'),
             (2, 'hazard.exposure', timestamptz '2026-01-02 06:00:10Z', timestamptz 'infinity'),
             (3, 'normalize.property', timestamptz '2026-03-02 06:00:00Z', timestamptz 'infinity'),
             (4, 'provenance.trust', timestamptz '2026-01-02 06:00:20Z', timestamptz '2026-03-02 06:00:20Z'),
             (5, 'provenance.trust', timestamptz '2026-03-02 06:00:20Z', timestamptz 'infinity'))
     AS p (publication_id, table_name, published_at, superseded_at);

INSERT INTO ingest.snapshot (tenant_id, snapshot_id, source_name, file_name, snapshot_sha256, object_key, batch_id, vintage_date, header, row_count, landed_at)
SELECT tenant_id, publication_id, 'king_county_sales_2014', 'sales.csv', repeat('a', 64), 'bench', 'bench', (published_at - interval '1 day')::date, ARRAY['id'], properties, published_at
FROM published WHERE table_name = 'normalize.property';

INSERT INTO reference.hazard_layer (layer_id, hazard, source_name, version, vintage_date, authority, is_synthetic, snapshot_sha256, object_key, file_name, feature_count, bounds, loaded_at, is_current)
SELECT n, hazard, 'bench_' || hazard, '1', date '2025-06-01' + n::integer, 'bench', true, repeat('b', 64), 'bench', 'layer.geojson', 1, ST_MakeEnvelope(-123, 47, -121, 48, 4326), timestamptz '2026-01-01', true
FROM unnest(ARRAY['flood', 'wildfire', 'heat', 'seismic']) WITH ORDINALITY AS layer (hazard, n);

INSERT INTO provenance.verdict (tenant_id, verdict_id, batch_id, table_name, is_passed, rows_in, rows_quarantined, expectation_count, failures, suite_sha256, run_id, judged_at)
SELECT tenant_id, md5(tenant_id || '/verdict/' || publication_id)::uuid, 'bench', table_name, true, properties, 0, 12, '[]'::jsonb, repeat('e', 64), 'bench/1', published_at
FROM published;

INSERT INTO provenance.publication (tenant_id, publication_id, table_name, partition_name, batch_id, input_sha256, vintage_date, verdict_id, run_id, code_version, rows_in, rows_published, rows_closed, rows_unchanged, rows_quarantined, read_at, published_at)
SELECT tenant_id, publication_id, table_name, 'king_county_sales_2014', 'bench', repeat('a', 64), published_at::date, md5(tenant_id || '/verdict/' || publication_id)::uuid, 'bench/1', 'bench', properties, properties, CASE WHEN publication_id IN (3, 5) THEN properties ELSE 0 END, 0, 0, published_at, published_at
FROM published;

INSERT INTO provenance.derivation (tenant_id, derivation_id, derivation_sha256, source_names, fields)
SELECT DISTINCT tenant_id, 1, repeat('d', 64), ARRAY['king_county_sales_2014'], f.fields
FROM subject, (
    SELECT jsonb_object_agg(attname, jsonb_build_object('record', 0, 'columns', ARRAY[attname], 'rules', '[]'::jsonb, 'made', 'copied', 'agreement', 'sole')) AS fields
    FROM pg_attribute WHERE attrelid = 'normalize.property'::regclass AND attnum > 0
) AS f;

INSERT INTO normalize.property (tenant_id, property_id, snapshot_ids, row_numbers, derivation_id, property_key, county_fips, apn, apn_raw, situs_address, situs_zip, latitude, longitude, cell, property_type, living_area_sqft, lot_area_sqft, year_built, year_renovated, bedroom_count, bathroom_count, story_count, condition_code, quality_code, assessed_value_usd, list_price_usd, list_date, has_waterfront, view_code, publication_id, published_at, superseded_at)
SELECT s.tenant_id, s.property_id, ARRAY[p.publication_id::integer], ARRAY[s.n + 1], 1, '53033/' || s.n, '53033', lpad(s.n::text, 10, '0'), lpad(s.n::text, 10, '0'), s.n || ' MAPLE LN', lpad((98001 + s.n %% 80)::text, 5, '0'), s.latitude, s.longitude, floor((s.latitude + 90) * 100)::bigint * 100000 + floor((s.longitude + 180) * 100)::bigint, 'single_family', s.living_area_sqft, 3 * s.living_area_sqft, s.year_built, s.year_renovated, s.bedroom_count, 2.5, 1 + s.n %% 2, 1 + s.n %% 5, 4 + s.n %% 8, s.assessed_value_usd,
    CASE WHEN p.publication_id = 3 AND s.n %% 2 = 0 THEN s.list_price_usd * 0.95 ELSE s.list_price_usd END,
    CASE WHEN s.list_price_usd IS NOT NULL THEN date '2025-12-01' END, s.n %% 50 = 0, s.n %% 4, p.publication_id, p.published_at, p.superseded_at
FROM subject AS s JOIN published AS p ON p.tenant_id = s.tenant_id AND p.table_name = 'normalize.property';

INSERT INTO hazard.exposure (tenant_id, property_id, flood_zone, flood_zone_subtype, is_in_sfha, flood_probability_30y, flood_score, flood_layer_id, wildfire_score, wildfire_layer_id, heat_score, heat_layer_id, seismic_design_category, seismic_score, seismic_layer_id, composite_low, composite_high, unknown_hazards, uses_synthetic_layer, publication_id, published_at)
SELECT s.tenant_id, s.property_id, CASE WHEN s.score < 0.1 THEN 'AE' ELSE 'X' END, CASE WHEN s.score >= 0.1 THEN 'AREA OF MINIMAL FLOOD HAZARD' END, s.score < 0.1, s.score, s.score, 1, s.score / 3, 2, s.score / 2, 3, 'D', 1 - s.score, 4, s.score / 2, s.score, '{}', true, p.publication_id, p.published_at
FROM subject AS s JOIN published AS p ON p.tenant_id = s.tenant_id AND p.table_name = 'hazard.exposure';

INSERT INTO provenance.trust (tenant_id, property_id, property_trust, field_trust_pct, confirmed_vintage_date, traced_field_count, untraced_field_count, untraced_fields, publication_id, published_at, superseded_at)
SELECT s.tenant_id, s.property_id, 0.5 + s.score / 2, array_fill(90::smallint, ARRAY[33]), p.published_at::date, 24, 0, '{}', p.publication_id, p.published_at, p.superseded_at
FROM subject AS s JOIN published AS p ON p.tenant_id = s.tenant_id AND p.table_name = 'provenance.trust';

DROP TABLE subject, published;
SET session_replication_role = origin
