-- All that a search finds, a JSON object each. Composed: rows (api_search_export). Parameters: those of the rows.
SELECT row_to_json(shown) FROM ({rows}) AS shown
