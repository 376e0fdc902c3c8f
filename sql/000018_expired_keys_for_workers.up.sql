-- Workers purge the expired keys of all accounts, as they do with finished jobs. They see which keys there are,
-- and neither the requests nor the answers.
CREATE POLICY every_tenant_for_workers ON trakrf.idempotency_keys
    TO bulkimport_worker
    USING      (true)
    WITH CHECK (true);

-- UPDATE is for the row lock alone.
GRANT SELECT (account_id, key, created_at), UPDATE (created_at), DELETE ON trakrf.idempotency_keys
    TO bulkimport_worker;
