-- Written before the first release, when every table was small.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

-- The order in which keys are purged, across accounts. No statement looks for the oldest keys of one account.
DROP INDEX trakrf.idempotency_keys_oldest_idx;
CREATE INDEX idempotency_keys_oldest_idx ON trakrf.idempotency_keys (created_at);
