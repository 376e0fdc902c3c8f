-- When the job was deleted, by a request or because its retention is over. From then on nobody sees it, and
-- workers remove it piece by piece.
ALTER TABLE trakrf.bulk_import_jobs ADD COLUMN deleted_at timestamptz;

-- A deleted job no longer follows another one.
GRANT UPDATE (deleted_at, parent_job_id) ON trakrf.bulk_import_jobs TO bulkimport_web;
-- To have a job removed next.
GRANT UPDATE (finished_at) ON trakrf.bulk_import_finished TO bulkimport_web;
