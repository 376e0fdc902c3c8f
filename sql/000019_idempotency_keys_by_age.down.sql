DROP INDEX trakrf.idempotency_keys_oldest_idx;
CREATE INDEX idempotency_keys_oldest_idx ON trakrf.idempotency_keys (account_id, created_at);
