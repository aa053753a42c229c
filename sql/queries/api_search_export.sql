-- All that a search finds, in the order of property_id. Composed: fields, source, conditions. Parameters: those of the conditions.
SELECT {fields}
FROM {source}
WHERE {conditions}
ORDER BY property_id
