-- When the features of the tenant were last looked at, if ever: there is a page of them then.
SELECT max(profiled_at) AS profiled_at FROM features.profile HAVING max(profiled_at) IS NOT NULL
