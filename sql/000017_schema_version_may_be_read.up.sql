-- Web and worker compare it with what they need before they call themselves ready.
GRANT SELECT ON public.schema_migrations TO bulkimport_web, bulkimport_worker;
