-- As for identifiers: the worker that writes a change has locked the job's row of the queue, whose own key keeps the
-- job, and a job is deleted only after its changes are.
-- squawk-ignore ban-drop-constraint
ALTER TABLE trakrf.bulk_import_changes DROP CONSTRAINT change_of_job;
