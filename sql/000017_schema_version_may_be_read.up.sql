-- Web and worker compare it with the version that they need before they report that they are ready.
GRANT SELECT ON public.schema_migrations TO bulkimport_web, bulkimport_worker;
