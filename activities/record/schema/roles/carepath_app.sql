-- The application's role: it may look and call the functions, never write a table of the record.
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

-- record holds the log. What people work from are folds of it, in tables that can be thrown away and built again at
-- any time. A generation is one build of all of them, in a schema of its own (read_model_1, read_model_2, …), made in
-- the shape of the tables in read_model_shape. Readers use the views in read_model, which show the live generation.
CREATE SCHEMA read_model;
CREATE SCHEMA read_model_shape;
GRANT USAGE ON SCHEMA record, read_model TO carepath_app;
