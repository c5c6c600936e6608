-- What the application may do in a desk's database: everything it needs, and nothing that alters the trail's past.
--
-- Once, as somebody who may make roles:
--
--     CREATE ROLE desk_owner LOGIN PASSWORD '…';    -- migrates; the web server and the worker never use it
--     CREATE ROLE desk_app LOGIN PASSWORD '…';      -- the desk runs as this one
--     CREATE DATABASE desk OWNER desk_owner;
--
-- Then, now and after every later `manage.py migrate` as desk_owner:
--
--     psql 'postgres://desk_owner:…@host/desk' -v app=desk_app -f deploy/postgresql-roles.sql
--
-- It may be run as often as you like, and takes back what was granted otherwise. A table that a later migration makes
-- can be read and added to at once, and changed only once this file has run again: by then it is known whether it is of
-- the trail. Tables of the trail begin with "audit_". See docs/trail.md.

\set ON_ERROR_STOP on
\if :{?app}
\else
  \set app desk_app
\endif

BEGIN;
SET LOCAL client_min_messages = warning;
SELECT set_config('desk.app', :'app', true) \g /dev/null

DO $$
DECLARE
  app text := current_setting('desk.app');
  place text := current_schema();
  found record;
BEGIN
  IF pg_has_role(app, current_user, 'MEMBER') THEN
    RAISE EXCEPTION '% is or may become %, the owner of the tables: it could alter the past', app, current_user;
  END IF;
  IF (SELECT rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = app) THEN
    RAISE EXCEPTION '% has a power over the whole server: ALTER ROLE % NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS',
      app, app;
  END IF;
  IF to_regclass('audit_event') IS NULL THEN
    RAISE EXCEPTION 'this database has no trail: run manage.py migrate as % first', current_user;
  END IF;

  EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC, %I', current_database(), app);
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), app);
  EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, %I', place, app);
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', place, app);

  FOR found IN
    SELECT oid::regclass AS name, CASE
        WHEN relkind = 'S' THEN 'USAGE, SELECT'
        WHEN relname = 'audit_pendingevent' THEN 'SELECT, INSERT, DELETE'  -- the trigger lets go what is sealed
        WHEN relname LIKE 'audit\_%' THEN 'SELECT, INSERT'
        WHEN relname = 'django_migrations' THEN 'SELECT'
        ELSE 'SELECT, INSERT, UPDATE, DELETE'
      END AS rights, CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
    FROM pg_class WHERE relnamespace = place::regnamespace AND relkind IN ('r', 'p', 'S')
  LOOP
    EXECUTE format('REVOKE ALL ON %s %s FROM PUBLIC, %I', found.kind, found.name, app);
    EXECUTE format('GRANT %s ON %s %s TO %I', found.rights, found.kind, found.name, app);
  END LOOP;

  EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I REVOKE ALL ON TABLES FROM %I', place, app);
  EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT ON TABLES TO %I', place, app);
  EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE, SELECT ON SEQUENCES TO %I', place, app);
END $$;
COMMIT;
