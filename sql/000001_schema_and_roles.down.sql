DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM bulkimport_worker', current_database());
END
$$;

REVOKE USAGE ON SCHEMA trakrf FROM bulkimport_web, bulkimport_worker;

-- The schema stays if the platform has its own tables in it. The roles always stay: they belong to the whole
-- server, and logins and other databases may depend on them.
DO $$
BEGIN
    DROP SCHEMA trakrf RESTRICT;
EXCEPTION WHEN dependent_objects_still_exist THEN
    NULL;
END
$$;
