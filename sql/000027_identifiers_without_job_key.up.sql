-- The key was checked for each identifier, which cost as much as storing it. Identifiers are written only by the worker
-- that has locked the job's row of the queue, whose own key keeps the job; and a job is deleted only after they are.
-- squawk-ignore ban-drop-constraint
ALTER TABLE trakrf.bulk_import_identifiers DROP CONSTRAINT identifier_of_job;
