-- One property of the current tenant whole, as of a past moment: the JSON document that the API answers. The same as
-- api_property_document but for the moment. Parameters: property_id, as_of, with_owner (whether its owner is told), docs_url (where the
-- tenant's Data Docs begin; null where it has none). The names of the traced fields stand in the order in which their trust is kept.
SELECT json_build_object(
  'property_id', property.property_id,
  'as_of', replace(to_char(%(as_of)s::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || 'Z',
  'published_at', replace(to_char(property.published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || 'Z',
  'identity', json_build_object(
    'property_key', property.property_key, 'county_fips', property.county_fips, 'apn', property.apn, 'apn_raw', property.apn_raw),
  'address', json_build_object(
    'situs_raw', property.situs_raw, 'situs_address', property.situs_address, 'situs_number', property.situs_number,
    'situs_street', property.situs_street, 'situs_unit', property.situs_unit, 'situs_city', property.situs_city,
    'situs_state', property.situs_state, 'situs_zip', property.situs_zip, 'situs_confidence', property.situs_confidence,
    'situs_flags', property.situs_flags),
  'location', json_build_object(
    'latitude', property.latitude, 'longitude', property.longitude, 'parcel', ST_AsGeoJSON(property.parcel_geom, 7)::json),
  'owner', CASE WHEN %(with_owner)s::boolean THEN json_build_object(
    'owner_name', property.owner_name, 'mailing_address', property.mailing_address) END,
  'attributes', json_build_object(
    'property_type', property.property_type, 'living_area_sqft', property.living_area_sqft, 'lot_area_sqft', property.lot_area_sqft,
    'basement_area_sqft', property.basement_area_sqft, 'year_built', property.year_built, 'year_renovated', property.year_renovated,
    'bedroom_count', property.bedroom_count, 'bathroom_count', property.bathroom_count, 'story_count', property.story_count,
    'garage_space_count', property.garage_space_count, 'condition_code', property.condition_code,
    'quality_code', property.quality_code, 'assessed_value_usd', property.assessed_value_usd,
    'list_price_usd', property.list_price_usd, 'list_date', property.list_date, 'has_waterfront', property.has_waterfront,
    'view_code', property.view_code),
  'value', CASE WHEN valuation.property_id IS NOT NULL THEN json_build_object(
    'valuation_date', valuation.valuation_date, 'estimated_value_usd', valuation.estimated_value_usd,
    'value_low_usd', valuation.value_low_usd, 'value_high_usd', valuation.value_high_usd, 'interval_level', valuation.interval_level,
    'value_low_95_usd', valuation.value_low_95_usd, 'value_high_95_usd', valuation.value_high_95_usd, 'fsd', valuation.fsd,
    'confidence', valuation.confidence, 'confidence_band', valuation.confidence_band, 'comparable_count', valuation.comparable_count,
    'refusal_reason', valuation.refusal_reason, 'method', valuation.method,
    'published_at', replace(to_char(valuation.published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || 'Z',
    'model', CASE WHEN model.model_id IS NOT NULL THEN json_build_object(
      'model_id', model.model_id, 'as_of_date', model.as_of_date, 'data_docs', %(docs_url)s::text || '/' || model.page_key) END,
    'links', json_build_object(
      'valuation', '/api/v1/properties/' || property.property_id || '/valuation',
      'provenance', '/api/v1/properties/' || property.property_id || '/provenance/estimated_value_usd',
      'model', '/api/v1/models/' || model.model_id)) END,
  'hazards', CASE WHEN exposure.property_id IS NOT NULL THEN json_build_object(
    'flood', json_build_object(
      'flood_zone', exposure.flood_zone, 'flood_zone_subtype', exposure.flood_zone_subtype, 'is_in_sfha', exposure.is_in_sfha,
      'base_flood_elevation_ft', exposure.base_flood_elevation_ft, 'flood_probability_30y', exposure.flood_probability_30y,
      'flood_score', exposure.flood_score,
      'layer', CASE WHEN flood.layer_id IS NOT NULL THEN json_build_object(
        'layer_id', flood.layer_id, 'hazard', flood.hazard, 'source_name', flood.source_name, 'version', flood.version,
        'vintage_date', flood.vintage_date, 'authority', flood.authority, 'is_synthetic', flood.is_synthetic,
        'file_name', flood.file_name, 'snapshot_sha256', flood.snapshot_sha256,
        'feature_row', exposure.flood_feature_row) END),
    'wildfire', json_build_object(
      'burn_probability', exposure.burn_probability, 'wildfire_hazard_class', exposure.wildfire_hazard_class,
      'wildfire_probability_30y', exposure.wildfire_probability_30y, 'wildfire_score', exposure.wildfire_score,
      'layer', CASE WHEN wildfire.layer_id IS NOT NULL THEN json_build_object(
        'layer_id', wildfire.layer_id, 'hazard', wildfire.hazard, 'source_name', wildfire.source_name, 'version', wildfire.version,
        'vintage_date', wildfire.vintage_date, 'authority', wildfire.authority, 'is_synthetic', wildfire.is_synthetic,
        'file_name', wildfire.file_name, 'snapshot_sha256', wildfire.snapshot_sha256,
        'feature_row', exposure.wildfire_feature_row) END),
    'heat', json_build_object(
      'heat_wave_rate', exposure.heat_wave_rate, 'warming_c', exposure.warming_c,
      'heat_probability_30y', exposure.heat_probability_30y, 'heat_score', exposure.heat_score,
      'layer', CASE WHEN heat.layer_id IS NOT NULL THEN json_build_object(
        'layer_id', heat.layer_id, 'hazard', heat.hazard, 'source_name', heat.source_name, 'version', heat.version,
        'vintage_date', heat.vintage_date, 'authority', heat.authority, 'is_synthetic', heat.is_synthetic,
        'file_name', heat.file_name, 'snapshot_sha256', heat.snapshot_sha256,
        'feature_row', exposure.heat_feature_row) END),
    'seismic', json_build_object(
      'peak_ground_acceleration_g', exposure.peak_ground_acceleration_g, 'seismic_design_category', exposure.seismic_design_category,
      'seismic_probability_30y', exposure.seismic_probability_30y, 'seismic_score', exposure.seismic_score,
      'layer', CASE WHEN seismic.layer_id IS NOT NULL THEN json_build_object(
        'layer_id', seismic.layer_id, 'hazard', seismic.hazard, 'source_name', seismic.source_name, 'version', seismic.version,
        'vintage_date', seismic.vintage_date, 'authority', seismic.authority, 'is_synthetic', seismic.is_synthetic,
        'file_name', seismic.file_name, 'snapshot_sha256', seismic.snapshot_sha256,
        'feature_row', exposure.seismic_feature_row) END),
    'composite_low', exposure.composite_low, 'composite_high', exposure.composite_high, 'unknown_hazards', exposure.unknown_hazards,
    'uses_synthetic_layer', exposure.uses_synthetic_layer,
    'published_at', replace(to_char(exposure.published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || 'Z') END,
  'risk', CASE WHEN risk.property_id IS NOT NULL THEN json_build_object(
    'risk_score_low', risk.risk_score_low, 'risk_score_high', risk.risk_score_high, 'risk_class', risk.risk_class,
    'dominant_hazard', risk.dominant_hazard, 'unknown_hazard_count', risk.unknown_hazard_count,
    'published_at', replace(to_char(risk.published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || 'Z') END,
  'trust', CASE WHEN trust.property_id IS NOT NULL THEN json_build_object(
    'property_trust', trust.property_trust, 'confirmed_vintage_date', trust.confirmed_vintage_date,
    'traced_field_count', trust.traced_field_count, 'untraced_field_count', trust.untraced_field_count,
    'untraced_fields', trust.untraced_fields,
    'published_at', replace(to_char(trust.published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || 'Z',
    'field_trust_pct', (
      SELECT json_object_agg(traced.field_name, traced.trust_pct)
      FROM unnest('{
        county_fips, apn, apn_raw, situs_raw, situs_address, situs_number, situs_street, situs_unit, situs_city, situs_state,
        situs_zip, latitude, longitude, parcel_geom, owner_name, mailing_address, property_type, living_area_sqft, lot_area_sqft,
        basement_area_sqft, year_built, year_renovated, bedroom_count, bathroom_count, story_count, garage_space_count,
        condition_code, quality_code, assessed_value_usd, list_price_usd, list_date, has_waterfront, view_code}'::text[],
        trust.field_trust_pct) AS traced (field_name, trust_pct))) END,
  'sales', coalesce((
    SELECT json_agg(json_build_object(
      'sale_id', sale.sale_id, 'sale_price_usd', sale.sale_price_usd, 'sale_date', sale.sale_date,
      'recording_date', sale.recording_date, 'document_number', sale.document_number,
      'is_arms_length', coalesce(found.is_arms_length, sale.is_arms_length),
      'exclusion_reasons', coalesce(found.exclusion_reasons, sale.exclusion_reasons),
      'decided_by', found.decided_by, 'source_name', sale.source_name) ORDER BY sale.sale_date DESC NULLS LAST, sale.sale_id)
    FROM normalize.sale AS sale
    LEFT JOIN score.sale_validation AS found
      ON found.property_id = sale.property_id AND found.sale_id = sale.sale_id
        AND found.published_at <= %(as_of)s AND found.superseded_at > %(as_of)s
    WHERE sale.property_id = property.property_id AND sale.published_at <= %(as_of)s AND sale.superseded_at > %(as_of)s), '[]'),
  'links', json_build_object(
    'self', '/api/v1/properties/' || property.property_id,
    'hazards', '/api/v1/properties/' || property.property_id || '/hazards',
    'valuation', '/api/v1/properties/' || property.property_id || '/valuation',
    'history', '/api/v1/properties/' || property.property_id || '/history',
    'sales', '/api/v1/properties/' || property.property_id || '/sales',
    'twins', '/api/v1/properties/' || property.property_id || '/twins',
    'features', '/api/v1/properties/' || property.property_id || '/features',
    'provenance', '/api/v1/properties/' || property.property_id || '/provenance')
) AS document
FROM normalize.property AS property
LEFT JOIN score.valuation AS valuation
  ON valuation.property_id = property.property_id AND valuation.published_at <= %(as_of)s AND valuation.superseded_at > %(as_of)s
LEFT JOIN score.model AS model ON model.model_id = valuation.model_id
LEFT JOIN score.risk AS risk
  ON risk.property_id = property.property_id AND risk.published_at <= %(as_of)s AND risk.superseded_at > %(as_of)s
LEFT JOIN provenance.trust AS trust
  ON trust.property_id = property.property_id AND trust.published_at <= %(as_of)s AND trust.superseded_at > %(as_of)s
LEFT JOIN hazard.exposure AS exposure
  ON exposure.property_id = property.property_id AND exposure.published_at <= %(as_of)s AND exposure.superseded_at > %(as_of)s
LEFT JOIN reference.hazard_layer AS flood ON flood.layer_id = exposure.flood_layer_id
LEFT JOIN reference.hazard_layer AS wildfire ON wildfire.layer_id = exposure.wildfire_layer_id
LEFT JOIN reference.hazard_layer AS heat ON heat.layer_id = exposure.heat_layer_id
LEFT JOIN reference.hazard_layer AS seismic ON seismic.layer_id = exposure.seismic_layer_id
WHERE property.property_id = %(property_id)s::uuid AND property.published_at <= %(as_of)s AND property.superseded_at > %(as_of)s
