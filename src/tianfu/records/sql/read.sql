-- current_by_number
-- The current versions of many records of one type, tombstones included.
select rid, version, changed_at, deleted, fid, prid, body
  from resource
 where type = %(type)s and rid = any(%(rids)s);

-- oldest_writer
-- When the oldest of the transactions began that are writing now; asked as their own role, which alone may see it.
select (extract(epoch from min(xact_start)) * 1000000)::bigint
  from pg_stat_activity
 where usename = current_user and datname = current_database() and pid <> pg_backend_pid();

-- version_of
-- One version of one record, wherever it lies.
select rid, version, changed_at, deleted, fid, prid, body
  from resource
 where type = %(type)s and rid = %(rid)s and version = %(version)s
union all
select rid, version, changed_at, deleted, fid, prid, body
  from history
 where rid = %(rid)s and version = %(version)s and type = %(type)s
 limit 1;

-- versions_of
-- The versions of one record below a version number, newest first.
(select rid, type, version, changed_at, deleted, fid, prid, body
   from resource
  where type = %(type)s and rid = %(rid)s and version < %(below)s)
union all
(select rid, type, version, changed_at, deleted, fid, prid, body
   from history
  where rid = %(rid)s and type = %(type)s and version < %(below)s)
 order by version desc
 limit %(limit)s;

-- versions_of_type
-- The versions of all records of one type, newest first, behind a place in that order.
(select rid, type, version, changed_at, deleted, fid, prid, body
   from resource
  where type = %(type)s and changed_at >= %(since)s and (changed_at, rid) < (%(before_at)s, %(before_rid)s)
  order by changed_at desc, rid desc limit %(limit)s)
union all
(select rid, type, version, changed_at, deleted, fid, prid, body
   from history
  where type = %(type)s and changed_at >= %(since)s and (changed_at, rid) < (%(before_at)s, %(before_rid)s)
  order by changed_at desc, rid desc limit %(limit)s)
 order by changed_at desc, rid desc
 limit %(limit)s;

-- versions_of_all
-- The versions of all records, newest first, behind a place in that order.
(select rid, type, version, changed_at, deleted, fid, prid, body
   from resource
  where changed_at >= %(since)s and (changed_at, rid) < (%(before_at)s, %(before_rid)s)
  order by changed_at desc, rid desc limit %(limit)s)
union all
(select rid, type, version, changed_at, deleted, fid, prid, body
   from history
  where changed_at >= %(since)s and (changed_at, rid) < (%(before_at)s, %(before_rid)s)
  order by changed_at desc, rid desc limit %(limit)s)
 order by changed_at desc, rid desc
 limit %(limit)s;
