-- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint
ALTER TABLE trakrf.bulk_import_changes
    ADD CONSTRAINT change_of_job FOREIGN KEY (account_id, job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id) ON DELETE CASCADE;
