-- The platform's schema, and the two group roles of the service. Logins become members of these roles, which
-- cannot log in, own no table and are bound by row-level security.
CREATE SCHEMA IF NOT EXISTS trakrf;

-- Roles belong to the whole server: a release of another database may have created them, even at this moment.
DO $$
BEGIN
    CREATE ROLE bulkimport_web NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;

DO $$
BEGIN
    CREATE ROLE bulkimport_worker NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;

GRANT USAGE ON SCHEMA trakrf TO bulkimport_web, bulkimport_worker;

-- A worker stages chunks in a temporary table; the privilege to create one may have been revoked from PUBLIC.
DO $$
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO bulkimport_worker', current_database());
END
$$;
