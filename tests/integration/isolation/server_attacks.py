"""Statements that reach beyond a sandbox's database: on a server of somebody else, and on the embedded one.

Each is plain data: a name and SQL, in which {role} is the session's own role, {data} the victim's data directory and
{here} the embedded server's. Each runs by itself, outside a transaction.
"""

# On a server that a URL names: other databases, roles, settings and sessions are somebody else's.
ON_A_SERVER = {
    "drop_database": "-- a note\nDROP DATABASE shop",
    "drop_database_commented": "/* a note */ DROP /**/ DATABASE IF EXISTS shop WITH (FORCE)",
    "alter_system": "/**/ALTER SYSTEM SET work_mem = '1GB'",
    "alter_role": "SELECT 1; ALTER ROLE app SUPERUSER",
    "alter_own_role": "SELECT 1; ALTER ROLE CURRENT_USER SUPERUSER",
    "alter_own_attributes": "ALTER ROLE CURRENT_USER CREATEROLE",
    "grant_predefined": "GRANT pg_read_server_files TO CURRENT_USER",
    "grant_role": "GRANT app TO CURRENT_USER",
    "grant_database": "GRANT CONNECT ON DATABASE shop TO PUBLIC",
    "reassign_owned": "REASSIGN OWNED BY app TO CURRENT_USER",
    "drop_owned": "DROP OWNED BY app CASCADE",
    "terminate_others": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user",
    "cancel_others": "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename <> current_user",
    "create_role": "CREATE ROLE intruder SUPERUSER LOGIN",
    "drop_role": "DROP ROLE app",
    "alter_database": "ALTER DATABASE shop SET default_transaction_read_only = on",
    "rename_database": "ALTER DATABASE shop RENAME TO stolen",
    "copy_database": "CREATE DATABASE stolen TEMPLATE shop",
    "comment_on_database": "COMMENT ON DATABASE shop IS 'attacked'",
    "create_database": "CREATE DATABASE intruder",
    "create_tablespace": "CREATE TABLESPACE intruder LOCATION '/tmp'",
    "set_role": "SET ROLE app",
    "set_session_authorization": "SET SESSION AUTHORIZATION keeper",
    "read_file": "SELECT pg_read_file('pg_hba.conf')",
    "list_files": "SELECT pg_ls_dir('.')",
    "copy_to_program": "COPY (SELECT 1) TO PROGRAM 'touch {data}/attacked'",
    "copy_to_file": "COPY (SELECT 1) TO '{data}/attacked'",
    "lo_import": "SELECT lo_import('/etc/passwd')",
    "lo_export": "SELECT lo_export(lo_from_bytea(0, 'attack'), '{data}/attacked')",
    "listen_notify": "LISTEN attack; NOTIFY attack, 'attack'",
    "subscription": "CREATE SUBSCRIPTION attack CONNECTION 'dbname=shop' PUBLICATION production",
    "subscription_later": "CREATE SUBSCRIPTION attack CONNECTION 'dbname=shop' PUBLICATION production"
    " WITH (connect = false)",
    "publication": "CREATE PUBLICATION attack FOR ALL TABLES",
    "replication_slot": "SELECT pg_create_physical_replication_slot('attack', true)",
    "logical_slot": "SELECT pg_create_logical_replication_slot('attack', 'pgoutput')",
    "do_execute": "DO $$ BEGIN EXECUTE 'ALTER ' || 'ROLE app SUPERUSER'; END $$",
    "function_execute": "CREATE FUNCTION attack() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS"
    " $$ BEGIN EXECUTE 'GRANT app TO ' || session_user; END $$; SELECT attack()",
    "dblink": "CREATE EXTENSION dblink",
    "foreign_server": "CREATE EXTENSION postgres_fdw",
    "untrusted_language": "CREATE FUNCTION attack(cstring) RETURNS int LANGUAGE c AS 'libc.so.6', 'system'",
    "catalog": "UPDATE pg_database SET datallowconn = false",
    "catalog_roles": "UPDATE pg_authid SET rolsuper = true",
    "default_for_all": "ALTER ROLE ALL SET default_transaction_read_only = on",
    "reload": "SELECT pg_reload_conf(), pg_rotate_logfile()",
    "promote": "SELECT pg_promote(), pg_switch_wal()",
    "security_label": "SECURITY LABEL ON ROLE app IS 'attacked'",
    "event_trigger": "CREATE FUNCTION attack() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;"
    " CREATE EVENT TRIGGER attack ON ddl_command_start EXECUTE FUNCTION attack()",
}
# What a look at the beginning of a statement let pass, and others of that kind.
CORE_ON_A_SERVER = (
    "drop_database",
    "alter_system",
    "alter_role",
    "grant_role",
    "reassign_owned",
    "drop_owned",
    "terminate_others",
    "create_role",
    "alter_database",
    "copy_to_program",
    "create_tablespace",
    "set_session_authorization",
    "read_file",
    "subscription_later",
    "do_execute",
)
# What the role may set for itself, or do to its own sessions: the next command must work all the same.
ON_ITS_OWN_ROLE = {
    "own_sessions": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE usename = current_user AND pid <> pg_backend_pid()",
    "own_setting": "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on",
    "own_setting_timeout": "ALTER ROLE CURRENT_USER SET statement_timeout = 1",
    "own_setting_path": "ALTER ROLE CURRENT_USER SET search_path = nowhere",
    "own_home_setting": "ALTER DATABASE hexalembic_sandbox SET default_transaction_read_only = on",
}
# What it may do to the database that the URL names: the next command must say what to do.
ON_ITS_OWN_DATABASE = {
    "own_home_closed": "ALTER DATABASE hexalembic_sandbox ALLOW_CONNECTIONS false",
    "own_home_dropped": "DROP DATABASE hexalembic_sandbox WITH (FORCE)",
    "own_home_renamed": "ALTER DATABASE hexalembic_sandbox RENAME TO hexalembic_sandbox_old",
}
# On the embedded server, where a revision is a superuser: the next project must find it whole.
ON_EMBEDDED = {
    "preload_libraries": "ALTER SYSTEM SET shared_preload_libraries = 'nowhere'",
    "read_only": "ALTER SYSTEM SET default_transaction_read_only = on",
    "listen": "ALTER SYSTEM SET listen_addresses = '*'",
    "few_connections": "ALTER SYSTEM SET max_connections = 1",
    "written_settings": "COPY (SELECT 'nonsense = nonsense') TO '{here}/postgresql.auto.conf'",
    "written_configuration": "COPY (SELECT 'nonsense = nonsense') TO '{here}/postgresql.conf'",
    "written_hba": "COPY (SELECT 'local all all reject') TO '{here}/pg_hba.conf'; SELECT pg_reload_conf()",
    "drop_superuser": "DROP ROLE postgres",
    "rename_superuser": "UPDATE pg_authid SET rolname = 'stolen' WHERE rolname = 'postgres'",
    "delete_superuser": "DELETE FROM pg_authid WHERE rolname = 'postgres'",
    "no_login": "ALTER ROLE postgres NOLOGIN",
    "no_superuser": "UPDATE pg_authid SET rolsuper = false",
    "connection_limit": "ALTER ROLE postgres CONNECTION LIMIT 0",
    "role_settings": "ALTER ROLE postgres SET default_transaction_read_only = on;"
    " ALTER ROLE ALL SET statement_timeout = 1",
    "database_settings": "ALTER DATABASE postgres SET default_transaction_read_only = on;"
    " ALTER DATABASE template1 SET search_path = nowhere",
    "terminate_all": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
    "no_connections": "UPDATE pg_database SET datallowconn = false",
    "drop_postgres": "DROP DATABASE postgres WITH (FORCE)",
    "rename_postgres": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres';"
    " ALTER DATABASE postgres RENAME TO stolen",
    "drop_templates": "UPDATE pg_database SET datistemplate = false; DROP DATABASE template0",
    "drop_template1": "UPDATE pg_database SET datistemplate = false; DROP DATABASE template1",
    "spoiled_templates": "DELETE FROM pg_class WHERE relname = 'pg_type'",
    "left_database": "CREATE DATABASE left_behind",
    "left_tablespace": "COPY (SELECT 1) TO PROGRAM 'mkdir -p {here}/left';"
    " CREATE TABLESPACE left_behind LOCATION '{here}/left'",
    "left_subscription": "CREATE SUBSCRIPTION left_behind CONNECTION 'host=/nowhere' PUBLICATION p"
    " WITH (connect = false, slot_name = 'left_behind')",
    "left_prepared": "BEGIN; CREATE TABLE left_behind (); PREPARE TRANSACTION 'left_behind'",
    "left_slot": "SELECT pg_create_physical_replication_slot('left_behind', true)",
    "left_process": "COPY (SELECT 1) TO PROGRAM 'sleep 300 > /dev/null 2>&1 < /dev/null &'",
    "removed_files": "COPY (SELECT 1) TO PROGRAM 'rm -rf {here}/base'",
    "removed_everything": "COPY (SELECT 1) TO PROGRAM 'rm -rf {here}'",
    "killed_server": "COPY (SELECT 1) TO PROGRAM 'kill -9 $(head -n 1 {here}/postmaster.pid)'",
    "stopped_server": "COPY (SELECT 1) TO PROGRAM 'kill -TERM $(head -n 1 {here}/postmaster.pid)'",
}
# What leaves a server that answers late or not at all: the next command may give up, with a sentence.
ON_EMBEDDED_FOR_A_WHILE = {
    "closed_files": "COPY (SELECT 1) TO PROGRAM 'chmod 000 {here}'",
    "frozen_server": "COPY (SELECT 1) TO PROGRAM 'kill -STOP $(head -n 1 {here}/postmaster.pid)'",
    "removed_pid": "COPY (SELECT 1) TO PROGRAM 'rm -f {here}/postmaster.pid'",
}
