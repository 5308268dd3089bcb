-- Roles of Proctor's store. The Postgres image runs this once, when its volume is empty, as proctor_owner.
-- For a Postgres of your own run it by psql with PROCTOR_WORKER_PASSWORD in the environment, before `proctor migrate`.
--
-- proctor_app holds the privileges (the migrations grant them: no UPDATE or DELETE on the audit tables), and logins
-- are its members. Workers connect as such a login and act as proctor_app.
\set ON_ERROR_STOP on
\getenv worker_password PROCTOR_WORKER_PASSWORD
CREATE ROLE proctor_app NOLOGIN;
CREATE ROLE proctor_worker LOGIN NOINHERIT PASSWORD :'worker_password' IN ROLE proctor_app;
