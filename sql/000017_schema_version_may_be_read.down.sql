REVOKE SELECT ON public.schema_migrations FROM bulkimport_web, bulkimport_worker;
