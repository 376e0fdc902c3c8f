-- The first response to a request with an Idempotency-Key, to be sent again if the request is repeated.
CREATE TABLE trakrf.idempotency_keys (
    account_id  int         NOT NULL REFERENCES trakrf.accounts (id),
    key         text        NOT NULL,
    -- A hash of the method, the path, the parameters and the body.
    fingerprint bytea       NOT NULL,
    -- NULL until the transaction that reserved the key has its response.
    status      int,
    headers     jsonb,
    body        text,
    created_at  timestamptz NOT NULL DEFAULT now(),

    PRIMARY KEY (account_id, key),
    CONSTRAINT key_length CHECK (length(key) BETWEEN 1 AND 255),
    CONSTRAINT fingerprint_is_hash CHECK (octet_length(fingerprint) = 32)
);

CREATE INDEX idempotency_keys_oldest_idx ON trakrf.idempotency_keys (account_id, created_at);

ALTER TABLE trakrf.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.idempotency_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON trakrf.idempotency_keys
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

GRANT SELECT, INSERT, UPDATE, DELETE ON trakrf.idempotency_keys TO bulkimport_web;
