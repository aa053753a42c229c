-- What the API is measured against, as a superuser and past the gates: %(tenants)s tenants with %(properties)s properties each, numbered
-- from 0, every one with a sale, a value, hazards, risk, trust and a summary; and one more tenant, the last, with %(exported)s summaries
-- alone. Identifiers follow from the numbers, so that a load generator finds them without asking. Parameters: tenants, properties, exported.
SET session_replication_role = replica;

CREATE TEMPORARY TABLE subject AS
SELECT
    ('00000000-0000-4000-a000-' || lpad(to_hex(t), 12, '0'))::uuid AS tenant_id,
    ('00000000-0000-4000-8' || lpad(to_hex(t), 3, '0') || '-' || lpad(to_hex(n), 12, '0'))::uuid AS property_id,
    ('00000000-0000-4000-9' || lpad(to_hex(t), 3, '0') || '-' || lpad(to_hex(n), 12, '0'))::uuid AS sale_id,
    n,
    round((47.15 + 0.63 * random())::numeric, 5)::float8 AS latitude,
    round((-122.52 + 1.2 * power(random(), 2))::numeric, 5)::float8 AS longitude,
    (600 + 3400 * random())::integer::float8 AS living_area_sqft,
    (1900 + 120 * random())::integer AS year_built,
    (1 + 5 * random())::integer::float8 AS bedroom_count,
    round((150000 * exp(random() * 2.2))::numeric, 2) AS estimated_value_usd,
    random() AS score
FROM generate_series(0, %(tenants)s - 1) AS t, generate_series(0, %(properties)s - 1) AS n;

INSERT INTO ingest.snapshot (tenant_id, snapshot_id, source_name, file_name, snapshot_sha256, object_key, batch_id, vintage_date, header, row_count, landed_at)
SELECT DISTINCT tenant_id, 1, 'king_county_sales_2014', 'sales.csv', repeat('a', 64), 'bench', 'bench', date '2026-01-01', ARRAY['id'], %(properties)s, timestamptz '2026-01-02'
FROM subject;

INSERT INTO provenance.verdict (tenant_id, verdict_id, batch_id, table_name, is_passed, rows_in, rows_quarantined, expectation_count, failures, suite_sha256, run_id, judged_at)
SELECT DISTINCT tenant_id, tenant_id, 'bench', 'normalize.property', true, %(properties)s, 0, 12, '[]'::jsonb, repeat('e', 64), 'bench/1', timestamptz '2026-01-02'
FROM subject;

INSERT INTO provenance.publication (tenant_id, publication_id, table_name, partition_name, batch_id, input_sha256, vintage_date, verdict_id, run_id, code_version, rows_in, rows_published, rows_closed, rows_unchanged, rows_quarantined, read_at, published_at)
SELECT DISTINCT tenant_id, 1, 'normalize.property', 'all', 'bench', repeat('a', 64), date '2026-01-01', tenant_id, 'bench/1', 'bench', %(properties)s, %(properties)s, 0, 0, 0, timestamptz '2026-01-02', timestamptz '2026-01-02'
FROM subject;

INSERT INTO provenance.derivation (tenant_id, derivation_id, derivation_sha256, source_names, fields)
SELECT DISTINCT tenant_id, 1, repeat('d', 64), ARRAY['king_county_sales_2014'], '{}'::jsonb FROM subject;

INSERT INTO normalize.property (tenant_id, property_id, snapshot_ids, row_numbers, derivation_id, property_key, county_fips, apn, apn_raw, situs_raw, situs_address, situs_number, situs_street, situs_confidence, situs_flags, situs_city, situs_state, situs_zip, latitude, longitude, cell, owner_name, mailing_address, property_type, living_area_sqft, lot_area_sqft, year_built, bedroom_count, bathroom_count, condition_code, quality_code, assessed_value_usd, publication_id, published_at)
SELECT tenant_id, property_id, '{1}', ARRAY[n + 1], 1, '53033/' || n, '53033', lpad(n::text, 10, '0'), lpad(n::text, 10, '0'), n || ' Maple Ln', n || ' MAPLE LN', n::text, 'MAPLE LN', 0.95, '{}', 'SEATTLE', 'WA', lpad((98001 + n %% 80)::text, 5, '0'), latitude, longitude, floor((latitude + 90) * 100)::bigint * 100000 + floor((longitude + 180) * 100)::bigint, 'OWNER ' || n, n || ' MAPLE LN, SEATTLE WA', 'single_family', living_area_sqft, 3 * living_area_sqft, year_built, bedroom_count, 2, 3, 7, estimated_value_usd * 0.9, 1, timestamptz '2026-01-02'
FROM subject;

INSERT INTO normalize.sale (tenant_id, sale_id, snapshot_id, row_number, source_name, property_id, is_arms_length, exclusion_reasons, sale_price_usd, sale_date, publication_id, published_at)
SELECT tenant_id, sale_id, 1, n + 1, 'king_county_sales_2014', property_id, true, '{}', estimated_value_usd, date '2015-01-01' + n %% 365, 1, timestamptz '2026-01-02'
FROM subject;

INSERT INTO hazard.exposure (tenant_id, property_id, flood_zone, is_in_sfha, flood_probability_30y, flood_score, composite_low, composite_high, unknown_hazards, uses_synthetic_layer, publication_id, published_at)
SELECT tenant_id, property_id, CASE WHEN score < 0.1 THEN 'AE' ELSE 'X' END, score < 0.1, score, score, score / 2, score, ARRAY['wildfire', 'heat', 'seismic'], false, 1, timestamptz '2026-01-02'
FROM subject;

INSERT INTO score.valuation (tenant_id, property_id, valuation_date, estimated_value_usd, value_low_usd, value_high_usd, value_low_95_usd, value_high_95_usd, interval_level, fsd, confidence, confidence_band, comparable_count, method, publication_id, published_at)
SELECT tenant_id, property_id, date '2026-01-01', estimated_value_usd, estimated_value_usd * 0.87, estimated_value_usd * 1.15, estimated_value_usd * 0.75, estimated_value_usd * 1.33, 0.8, 0.11, 0.8, 'moderate', 5, 'bench', 1, timestamptz '2026-01-02'
FROM subject;

INSERT INTO score.risk (tenant_id, property_id, risk_score_low, risk_score_high, risk_class, dominant_hazard, unknown_hazard_count, publication_id, published_at)
SELECT tenant_id, property_id, score / 2, score, 'low', 'flood', 3, 1, timestamptz '2026-01-02'
FROM subject;

INSERT INTO provenance.trust (tenant_id, property_id, property_trust, field_trust_pct, confirmed_vintage_date, traced_field_count, untraced_field_count, untraced_fields, publication_id, published_at)
SELECT tenant_id, property_id, 0.7, array_fill(70::smallint, ARRAY[29]), date '2026-01-01', 29, 0, '{}', 1, timestamptz '2026-01-02'
FROM subject;

INSERT INTO provenance.summary (tenant_id, property_id, county_fips, apn, situs_address, situs_city, situs_state, situs_zip, latitude, longitude, cell, property_type, living_area_sqft, lot_area_sqft, year_built, bedroom_count, bathroom_count, condition_code, quality_code, owner_name, assessed_value_usd, last_sale_price_usd, last_sale_date, valuation_date, estimated_value_usd, value_low_usd, value_high_usd, confidence, confidence_band, flood_zone, is_in_sfha, flood_score, composite_low, composite_high, unknown_hazard_count, risk_class, risk_score_low, risk_score_high, property_trust, publication_id, published_at)
SELECT p.tenant_id, p.property_id, p.county_fips, p.apn, p.situs_address, p.situs_city, p.situs_state, p.situs_zip, p.latitude, p.longitude, p.cell, p.property_type, p.living_area_sqft, p.lot_area_sqft, p.year_built, p.bedroom_count, p.bathroom_count, p.condition_code, p.quality_code, p.owner_name, p.assessed_value_usd, s.estimated_value_usd, date '2015-01-01' + s.n %% 365, date '2026-01-01', s.estimated_value_usd, s.estimated_value_usd * 0.87, s.estimated_value_usd * 1.15, 0.8, 'moderate', CASE WHEN s.score < 0.1 THEN 'AE' ELSE 'X' END, s.score < 0.1, s.score, s.score / 2, s.score, 3, 'low', s.score / 2, s.score, 0.7, 1, p.published_at
FROM normalize.property AS p JOIN subject AS s USING (tenant_id, property_id);

INSERT INTO provenance.summary (tenant_id, property_id, county_fips, apn, situs_address, situs_city, situs_state, situs_zip, latitude, longitude, cell, property_type, living_area_sqft, lot_area_sqft, year_built, bedroom_count, bathroom_count, condition_code, quality_code, assessed_value_usd, last_sale_price_usd, last_sale_date, valuation_date, estimated_value_usd, value_low_usd, value_high_usd, confidence, confidence_band, flood_zone, is_in_sfha, flood_score, composite_low, composite_high, unknown_hazard_count, risk_class, risk_score_low, risk_score_high, property_trust, publication_id, published_at)
SELECT ('00000000-0000-4000-a000-' || lpad(to_hex(%(tenants)s), 12, '0'))::uuid, ('00000000-0000-4000-8fff-' || lpad(to_hex(n), 12, '0'))::uuid, '53033', lpad(n::text, 10, '0'), n || ' MAPLE LN', 'SEATTLE', 'WA', lpad((98001 + n %% 80)::text, 5, '0'), 47.2 + (n %% 5000) / 10000.0, -122.5 + (n %% 7000) / 10000.0, floor((47.2 + (n %% 5000) / 10000.0 + 90) * 100)::bigint * 100000 + floor((-122.5 + (n %% 7000) / 10000.0 + 180) * 100)::bigint, 'single_family', 600 + n %% 3000, 6000, 1900 + n %% 120, 3, 2, 3, 7, 400000, 450000, date '2015-01-01', date '2026-01-01', 500000 + n, 430000 + n, 570000 + n, 0.8, 'moderate', 'X', false, 0.05, 0.02, 0.1, 3, 'low', 0.02, 0.1, 0.7, 1, timestamptz '2026-01-02'
FROM generate_series(0, %(exported)s - 1) AS n;

DROP TABLE subject;
SET session_replication_role = origin
