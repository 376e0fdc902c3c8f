-- Rows written since file 24 obey it already; older ones obey the CHECK that it replaced.
ALTER TABLE trakrf.bulk_import_jobs VALIDATE CONSTRAINT outcomes_add_up;
ALTER TABLE trakrf.bulk_import_jobs VALIDATE CONSTRAINT unchanged_not_negative;

-- An import that reads the chunks and the plan of its parent, a dry run, and has none of its own.
ALTER TABLE trakrf.bulk_import_jobs ADD COLUMN applies_plan boolean NOT NULL DEFAULT false;

-- A plan is applied at most once, not counting jobs that failed or were cancelled.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX bulk_import_jobs_one_application_idx
    ON trakrf.bulk_import_jobs (account_id, parent_job_id)
    WHERE applies_plan AND status IN ('pending', 'processing', 'completed');
