-- The ratio study of one model of the current tenant, the whole first, then by kind of stratum. Parameters: model_id.
SELECT stratum_kind, stratum, sale_count, refused_count, trimmed_count, refused_rate, trimmed_rate, median_ratio, median_ratio_low,
       median_ratio_high, cod, cod_low, cod_high, prd, prd_low, prd_high, prb, prb_low, prb_high, mki, mki_low, mki_high, vei, vei_low,
       vei_high, level_difference_rate, level_difference_low_rate, level_difference_high_rate, mape_pct, mdape_pct, rmse_usd,
       coverage_80_rate, coverage_95_rate, median_interval_width_rate
FROM score.ratio_study
WHERE model_id = %(model_id)s
ORDER BY stratum_kind <> 'all', stratum_kind, stratum
