-- Workers purge the expired keys of all accounts, as they do with finished jobs. They can see which keys exist, but
-- neither requests nor responses.
CREATE POLICY every_tenant_for_workers ON trakrf.idempotency_keys
    TO bulkimport_worker
    USING      (true)
    WITH CHECK (true);

-- UPDATE is needed only to lock rows.
GRANT SELECT (account_id, key, created_at), UPDATE (created_at), DELETE ON trakrf.idempotency_keys
    TO bulkimport_worker;
