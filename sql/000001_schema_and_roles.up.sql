-- The platform's schema, and the two group roles of the service. Login roles are granted into them;
-- neither can log in, own a table or see past row-level security.
CREATE SCHEMA IF NOT EXISTS trakrf;

-- Roles belong to the whole server: another database may have made them already, even this instant.
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

-- A worker stages each chunk in a temporary table; the right to make one may have been taken from PUBLIC.
DO $$
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO bulkimport_worker', current_database());
END
$$;
