-- The digest of the rows that a verdict let through. Parameters: verdict_id.
SELECT judged_sha256 FROM provenance.verdict WHERE verdict_id = %(verdict_id)s AND is_passed
