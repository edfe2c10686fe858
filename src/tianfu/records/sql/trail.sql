-- backends_of
-- How many connections a process still has; none are left once everything it sent has been done or given up.
select count(*) from pg_stat_activity where datname = current_database() and application_name like '%% ' || %(mark)s;

-- lane_heads
-- The last event of each lane of a writer.
with recursive lanes(lane) as (
  select min(lane) from audit where writer = %(writer)s and number is not null
  union all
  select (select min(a.lane) from audit a where a.writer = %(writer)s and a.number is not null and a.lane > lanes.lane)
    from lanes where lanes.lane is not null
)
select lanes.lane, last.number, last.hash
  from lanes cross join lateral (
    select number, hash from audit
     where writer = %(writer)s and lane = lanes.lane and number is not null
     order by number desc limit 1) as last
 where lanes.lane is not null;

-- last_epoch
-- The newest epoch record.
select number, hash from audit_epoch order by number desc limit 1;

-- add_epoch
-- The record with which a process begins to leave events.
insert into audit_epoch (number, writer, at, record, key, signature, hash)
values (%(number)s, %(writer)s::uuid, %(at)s, %(record)s, %(key)s, %(signature)s, %(hash)s);

-- last_root
-- The newest root of a series that the database knows.
select number, record from audit_root where series = %(series)s::uuid order by number desc limit 1;

-- add_root
-- Keep a root beside the events; the same one may come again.
insert into audit_root (series, number, at, record, key, signature)
values (%(series)s::uuid, %(number)s, %(at)s, %(record)s, %(key)s, %(signature)s)
on conflict do nothing;
