-- The application's role: it may look and call the functions, never write a table.
-- Roles belong to the cluster, so another database may be creating it at the same moment.
-- How it authenticates (password, certificate) is for whoever deploys.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'carepath_app') THEN
        CREATE ROLE carepath_app LOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;

GRANT USAGE ON SCHEMA record TO carepath_app;
