-- The database's clock. No parameters.
SELECT clock_timestamp() AS now
