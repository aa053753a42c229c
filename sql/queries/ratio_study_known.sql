-- Whether a ratio study is kept already, as one row or none. Parameters: model_id.
SELECT model_id FROM score.ratio_study WHERE model_id = %(model_id)s LIMIT 1
