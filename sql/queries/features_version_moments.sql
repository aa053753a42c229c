-- Every moment from which something else is known of the version `p` of a property; joined in features_version.
SELECT p.published_at AS moment_at
UNION
SELECT n.published_at
FROM provenance.trust AS n
WHERE n.tenant_id = p.tenant_id AND n.property_id = p.property_id
  AND n.published_at > p.published_at AND n.published_at < p.superseded_at
