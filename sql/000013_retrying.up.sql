ALTER TABLE trakrf.bulk_import_chunks
    -- Whether the chunk's rows were processed, so that only its failed rows remain to be retried. False for a chunk that
    -- was never reached, or whose file was not imported at all.
    ADD COLUMN handled   boolean NOT NULL DEFAULT false,
    -- The numbers of the rows to import, if these are not all rows of the body but only those to be retried.
    ADD COLUMN only_rows int[];

-- The owner is bound by the policies, too, but has to see all rows here.
ALTER TABLE trakrf.bulk_import_jobs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_chunks NO FORCE ROW LEVEL SECURITY;
UPDATE trakrf.bulk_import_chunks AS chunk
SET handled = true
FROM trakrf.bulk_import_jobs AS job
WHERE job.account_id = chunk.account_id
  AND job.id         = chunk.job_id
  AND job.status     = 'completed';
ALTER TABLE trakrf.bulk_import_chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE trakrf.bulk_import_jobs FORCE ROW LEVEL SECURITY;

GRANT UPDATE (handled) ON trakrf.bulk_import_chunks TO bulkimport_worker;
