-- Have the planner look at a table anew. Parameters: table_name.
SELECT platform.refresh_statistics(%(table_name)s)
