DROP TABLE trakrf.idempotency_keys;
