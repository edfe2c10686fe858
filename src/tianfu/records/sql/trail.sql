-- backends_of
-- How many connections a process still has; none are left once everything it sent has been done or given up.
select count(*) from pg_stat_activity where datname = current_database() and application_name like '%% ' || %(mark)s;

-- hashes_at
-- The hash of the event at one place of a chain; of several, if somebody put others there.
select hash from audit where writer = %(writer)s and lane = %(lane)s and number = %(number)s;

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

-- events
-- Audit events, newest first, among the newest so many of their time and patients; each filter may be null.
select a.at, a.seq, a.writer, a.lane, a.number, a.caller, a.practitioner, a.organisation, a.session, a.role, a.purpose,
       a.interaction, a.rule, a.outcome, a.type, a.rids[1:%(entities)s::integer], a.prids[1:%(entities)s::integer],
       cardinality(a.rids), cardinality(a.prids), a.query, a.request
  from (select e.*
          from audit e
         where e.at >= %(after)s::bigint and e.at < %(before)s::bigint
           and (e.at, e.seq) < (%(place_at)s::bigint, %(place_seq)s::bigint)
           and (%(patients)s::bigint[] is null or e.prids && %(patients)s::bigint[])
         order by e.at desc, e.seq desc
         limit %(looked)s::integer) as a
 where (%(records)s::bigint[] is null or a.rids && %(records)s::bigint[])
   and (%(actors)s::text[] is null or a.caller = any(%(actors)s::text[]) or a.practitioner = any(%(actors)s::text[]))
   and (%(callers)s::text[] is null or a.caller = any(%(callers)s::text[]))
   and (%(practitioners)s::text[] is null or a.practitioner = any(%(practitioners)s::text[]))
   and (%(organisations)s::text[] is null or a.organisation = any(%(organisations)s::text[]))
   and (%(sessions)s::text[] is null or a.session = any(%(sessions)s::text[]))
   and (%(roles)s::text[] is null or a.role = any(%(roles)s::text[]))
   and (%(outcomes)s::text[] is null or a.outcome = any(%(outcomes)s::text[]))
   and (%(interactions)s::text[] is null or a.interaction = any(%(interactions)s::text[]))
   and (%(succeeded)s::boolean is null or (a.outcome in ('success', 'matched')) = %(succeeded)s::boolean)
   and (%(types)s::smallint[] is null or a.type = any(%(types)s::smallint[]))
 order by a.at desc, a.seq desc
 limit %(limit)s::integer;

-- looked_until
-- Where the newest so many events of some time and patients end; nothing if there are fewer.
select e.at, e.seq
  from audit e
 where e.at >= %(after)s::bigint and e.at < %(before)s::bigint
   and (e.at, e.seq) < (%(place_at)s::bigint, %(place_seq)s::bigint)
   and (%(patients)s::bigint[] is null or e.prids && %(patients)s::bigint[])
 order by e.at desc, e.seq desc
 offset %(looked)s::integer - 1 limit 1;

-- event_before
-- One event from before the chain by its place in time, on the same condition as one of a chain.
select a.at, a.seq, a.writer, a.lane, a.number, a.caller, a.practitioner, a.organisation, a.session, a.role, a.purpose,
       a.interaction, a.rule, a.outcome, a.type, a.rids[1:%(entities)s::integer], a.prids[1:%(entities)s::integer],
       cardinality(a.rids), cardinality(a.prids), a.query, a.request
  from audit a
 where a.at = %(at)s::bigint and a.seq = %(seq)s::bigint and a.number is null
   and (%(patients)s::bigint[] is null or a.prids && %(patients)s::bigint[]);

-- event_at
-- One event by its place in its chain, if it is about one of some patients or whoever asks may see all.
select a.at, a.seq, a.writer, a.lane, a.number, a.caller, a.practitioner, a.organisation, a.session, a.role, a.purpose,
       a.interaction, a.rule, a.outcome, a.type, a.rids[1:%(entities)s::integer], a.prids[1:%(entities)s::integer],
       cardinality(a.rids), cardinality(a.prids), a.query, a.request
  from audit a
 where a.writer = %(writer)s::uuid and a.lane = %(lane)s::smallint and a.number = %(number)s::bigint
   and (%(patients)s::bigint[] is null or a.prids && %(patients)s::bigint[]);

-- names_of
-- Types and ids of records by their numbers, and whose they are.
select r.rid, r.type, r.fid, r.prid from resource r where r.rid = any(%(rids)s::bigint[]);

-- ledger
-- What was done with the records of some patients, newest first, and of each type how many of their records it touched.
with own as materialized (
  select r.rid, r.type from resource r where r.prid = any(%(patients)s::bigint[])),
found as materialized (
  select a.*
    from audit a
   where a.prids && %(patients)s::bigint[]
     and a.at >= %(after)s::bigint and a.at < %(before)s::bigint
     and (a.at, a.seq) < (%(place_at)s::bigint, %(place_seq)s::bigint)
   order by a.at desc, a.seq desc
   limit %(limit)s::integer)
select f.at, f.seq, f.writer, f.lane, f.number, f.caller, f.practitioner, f.organisation, f.role, f.purpose, f.rule,
       f.interaction, f.outcome, f.type, touched.types, touched.counts
  from found f
  left join lateral (
    select array_agg(each.type order by each.type) as types, array_agg(each.counted order by each.type) as counts
      from (select own.type, count(*) as counted
              from unnest(f.rids) as given(rid) join own on own.rid = given.rid
             where f.type is null or own.type = f.type
             group by own.type) as each) as touched on true
 order by f.at desc, f.seq desc;

-- guarded
-- Those of some patients for whom one of the actors speaks now, as guardian or proxy.
select distinct r.patient
  from relation r
 where r.patient = any(%(patients)s::bigint[]) and r.actor = any(%(actors)s::bigint[]) and not r.denies
   and r.kind = any(%(kinds)s::smallint[]) and r.since <= %(now)s::bigint and r.until > %(now)s::bigint
   and case r.age when 0 then true
         when 1 then born(r.patient) > %(fourteen)s::bigint
         else born(r.patient) > %(eighteen)s::bigint and born(r.patient) <= %(fourteen)s::bigint end;
