-- How far the current tenant has gone online: the greatest number of the publications written down as online, and how many these are.
-- No parameters.
SELECT coalesce(max(publication_id), 0) AS newest_id, count(*) AS publication_count FROM features.materialization
