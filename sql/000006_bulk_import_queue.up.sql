-- One row per unfinished job. It is not part of the job's row, so that reading or cancelling a job never waits
-- for the lock that a worker holds while it imports a chunk.
CREATE TABLE trakrf.bulk_import_queue (
    account_id  int         NOT NULL,
    job_id      uuid        NOT NULL,
    -- The checkpoint: the number of the next chunk to import, which is also the number of chunks done.
    next_chunk  int         NOT NULL DEFAULT 0,
    chunks      int         NOT NULL,
    -- Claims since the checkpoint last moved.
    attempts    int         NOT NULL DEFAULT 0,
    not_before  timestamptz NOT NULL DEFAULT now(),
    enqueued_at timestamptz NOT NULL DEFAULT now(),

    PRIMARY KEY (account_id, job_id),
    CONSTRAINT queue_of_job FOREIGN KEY (account_id, job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id) ON DELETE CASCADE,
    CONSTRAINT valid_checkpoint CHECK (0 <= next_chunk AND next_chunk < chunks)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- The order in which jobs are served: those with the fewest chunks done first, then the oldest.
CREATE INDEX bulk_import_queue_fair_order_idx ON trakrf.bulk_import_queue (next_chunk, enqueued_at);

ALTER TABLE trakrf.bulk_import_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_queue FORCE ROW LEVEL SECURITY;

-- An upload can queue jobs only for its own account.
CREATE POLICY tenant ON trakrf.bulk_import_queue
    USING      (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int))
    WITH CHECK (account_id = (SELECT nullif(current_setting('app.current_account_id', true), '')::int));

-- A worker claims the next job of all accounts before it knows which account it belongs to. Across accounts, it
-- sees nothing but this table.
CREATE POLICY every_tenant_for_workers ON trakrf.bulk_import_queue
    TO bulkimport_worker
    USING      (true)
    WITH CHECK (true);

GRANT INSERT ON trakrf.bulk_import_queue TO bulkimport_web;
GRANT SELECT, UPDATE, DELETE ON trakrf.bulk_import_queue TO bulkimport_worker;
