-- The entities that somebody asks Feast about, as a statement that Feast embeds in its own. Composed with psycopg.sql: arrays (one array a
-- column), columns (their names).
SELECT * FROM unnest({arrays}) AS entity ({columns})
