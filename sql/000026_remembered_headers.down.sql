DROP INDEX trakrf.bulk_import_jobs_header_idx;
