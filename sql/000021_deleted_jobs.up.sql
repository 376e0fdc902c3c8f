-- When the job was deleted, by a request or at the end of its retention. From then on it is invisible, and workers
-- remove it piece by piece.
ALTER TABLE trakrf.bulk_import_jobs ADD COLUMN deleted_at timestamptz;

-- Deleting a job also detaches it from its parent.
GRANT UPDATE (deleted_at, parent_job_id) ON trakrf.bulk_import_jobs TO bulkimport_web;
-- Moves a deleted job to the front of the order in which workers remove them.
GRANT UPDATE (finished_at) ON trakrf.bulk_import_finished TO bulkimport_web;
