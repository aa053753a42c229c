-- What the current tenant's last audit of offline against online features found, a row a feature. Parameters: none.
SELECT parity.view_name, parity.feature_name, parity.run_id, parity.compared_count, parity.mismatch_count, parity.example, parity.as_of_at,
       parity.audited_at
FROM features.parity AS parity
WHERE parity.run_id = (SELECT latest.run_id FROM features.parity AS latest ORDER BY latest.audited_at DESC, latest.run_id DESC LIMIT 1)
ORDER BY parity.view_name, parity.feature_name
