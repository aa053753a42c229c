-- Tell oneself something: who hears it has heard every notice before it. Parameters: payload.
SELECT pg_notify('estate_version', %(payload)s)
