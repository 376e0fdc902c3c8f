-- squawk-ignore constraint-missing-not-valid, adding-foreign-key-constraint
ALTER TABLE trakrf.bulk_import_identifiers
    ADD CONSTRAINT identifier_of_job FOREIGN KEY (account_id, job_id)
        REFERENCES trakrf.bulk_import_jobs (account_id, id) ON DELETE CASCADE;
