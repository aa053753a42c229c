-- Hear from now on which tenants' data move: every transaction that commits after this one has is heard.
LISTEN estate_version
