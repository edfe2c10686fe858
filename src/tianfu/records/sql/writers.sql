-- oldest_writer
-- When the oldest of the transactions began that are writing now; asked as their own role, which alone may see it.
select (extract(epoch from min(xact_start)) * 1000000)::bigint
  from pg_stat_activity
 where usename = current_user and datname = current_database() and pid <> pg_backend_pid();
