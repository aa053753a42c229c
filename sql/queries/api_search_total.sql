-- How many properties a search finds. Composed: source, conditions. Parameters: those of the conditions.
SELECT count(*) FROM {source} WHERE {conditions}
