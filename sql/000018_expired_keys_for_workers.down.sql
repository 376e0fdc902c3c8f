REVOKE SELECT (account_id, key, created_at), UPDATE (created_at), DELETE ON trakrf.idempotency_keys
    FROM bulkimport_worker;
DROP POLICY every_tenant_for_workers ON trakrf.idempotency_keys;
