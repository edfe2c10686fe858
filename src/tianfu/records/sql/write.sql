-- lock_slots
-- Wait until nobody else changes records or identities of these slots; sorted, so that two writers cannot wait in a ring.
select pg_advisory_xact_lock(%(space)s, slot) from unnest(%(slots)s::integer[]) as slot;

-- lock_types
-- Of the conditional writers of a type, those who look for identities go together, one who looks for anything else alone.
select case when alone = 1 then pg_advisory_xact_lock(%(space)s, type)
            else pg_advisory_xact_lock_shared(%(space)s, type) end
  from unnest(%(types)s::integer[], %(alone)s::integer[]) as wanted(type, alone);

-- current_heads
-- What stands now under these record numbers of one type, tombstones included.
select rid, version, changed_at, deleted, prid, fid, org, sensitivity, labels, body
  from resource
 where type = %(type)s and rid = any(%(rids)s);

-- plan_once
-- What follows in this transaction only adds rows, always in one way: to plan it anew costs more than to do it.
select set_config('plan_cache_mode', 'force_generic_plan', true);

-- retire
-- Move the current versions of these records to the history.
insert into history (rid, changed_at, prid, version, org, type, sensitivity, deleted, fid, labels, also_about, sealed_with, body)
select rid, changed_at, prid, version, org, type, sensitivity, deleted, fid, labels,
       case when labels & 1 = 1 then
         (select array_agg(s.prid) from also_about s where s.rid = resource.rid and s.type = resource.type) end,
       sealed_with, body
  from resource
 where type = %(type)s and rid = any(%(rids)s);

-- remove_current
-- Take the current rows away; their versions are in the history by now.
delete from resource where type = %(type)s and rid = any(%(rids)s);

-- remove_index_rows
-- Take away everything by which these records of one type were found.
with gone_identifier as (delete from identifier where rid = any(%(rids)s) and type = %(type)s),
     gone_reference  as (delete from reference where source = any(%(rids)s) and source_type = %(type)s),
     gone_string     as (delete from string where rid = any(%(rids)s) and type = %(type)s),
     gone_date       as (delete from date where rid = any(%(rids)s) and type = %(type)s),
     gone_quantity   as (delete from quantity where rid = any(%(rids)s) and type = %(type)s)
delete from relation where rid = any(%(rids)s) and type = %(type)s;

-- remove_further_subjects
-- Take the further subjects of these records away; a deleted record keeps them, for its tombstone is theirs too.
delete from also_about where rid = any(%(rids)s) and type = %(type)s;

-- add_tokens
-- Enter codings that were never seen before; sorted by hash, so that two writers cannot wait in a ring.
insert into token (hash, param, system, code)
select * from unnest(%(hashes)s::bigint[], %(params)s::smallint[], %(systems)s::text[], %(codes)s::text[])
on conflict do nothing;

-- known_tokens
-- Codings that the database has seen; read once when a worker starts.
select hash from token limit %(limit)s;

-- add_feed
-- Tell of many changes of one resource type.
insert into feed (changed_at, type, rids, versions, operations, prids, prids_before)
values (%(changed_at)s, %(type)s, %(rids)s, %(versions)s, %(operations)s, %(prids)s, %(prids_before)s);

-- add_resources
-- New current versions.  Tokens come as one array, each row knowing its stretch of it; a row without body is a tombstone.
insert into resource (rid, changed_at, prid, date_low, date_high, code, category, status, number, unit, encounter,
  version, org, type, sensitivity, labels, generation, deleted, fid, tokens, sealed_with, body)
select rid, changed_at, prid, date_low, date_high, code, category, status, number, unit, encounter,
       version, org, type, sensitivity, labels, generation, body is null, fid,
       case when token_last >= token_first then (%(tokens)s::bigint[])[token_first:token_last] end,
       sealed_with, body
  from unnest(%(rids)s::bigint[], %(changed_ats)s::bigint[], %(prids)s::bigint[], %(date_lows)s::bigint[],
              %(date_highs)s::bigint[], %(codes)s::bigint[], %(categories)s::bigint[], %(statuses)s::bigint[],
              %(numbers)s::double precision[], %(units)s::bigint[], %(encounters)s::bigint[], %(versions)s::integer[],
              %(orgs)s::integer[], %(types)s::smallint[], %(sensitivities)s::smallint[], %(labels)s::bigint[],
              %(generations)s::smallint[], %(fids)s::bytea[], %(token_firsts)s::integer[], %(token_lasts)s::integer[],
              %(sealed_withs)s::smallint[], %(bodies)s::bytea[])
    as given(rid, changed_at, prid, date_low, date_high, code, category, status, number, unit, encounter, version, org,
             type, sensitivity, labels, generation, fid, token_first, token_last, sealed_with, body);

-- add_identifiers
-- Identifier rows of new versions.
insert into identifier (hash, rid, type, param)
select * from unnest(%(hashes)s::uuid[], %(rids)s::bigint[], %(types)s::smallint[], %(params)s::smallint[]);

-- add_references
-- Reference rows of new versions.
insert into reference (target, source, param, source_type)
select * from unnest(%(targets)s::bigint[], %(sources)s::bigint[], %(params)s::smallint[], %(types)s::smallint[]);

-- add_strings
-- String rows of new versions.
insert into string (rid, code, type, param, form, value)
select * from unnest(%(rids)s::bigint[], %(codes)s::bigint[], %(types)s::smallint[], %(params)s::smallint[],
                     %(forms)s::smallint[], %(values)s::text[]);

-- add_dates
-- Date rows of new versions.
insert into date (rid, low, high, code, type, param)
select * from unnest(%(rids)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[], %(codes)s::bigint[],
                     %(types)s::smallint[], %(params)s::smallint[]);

-- add_quantities
-- Quantity rows of new versions.
insert into quantity (rid, code, unit, number, type, param)
select * from unnest(%(rids)s::bigint[], %(codes)s::bigint[], %(units)s::bigint[], %(numbers)s::double precision[],
                     %(types)s::smallint[], %(params)s::smallint[]);

-- add_also_about
-- Further subjects of new versions.
insert into also_about (rid, prid, type)
select * from unnest(%(rids)s::bigint[], %(prids)s::bigint[], %(types)s::smallint[]);

-- add_relations
-- What new versions say about who may see whose records; resource types come as one array, each row knowing its stretch.
insert into relation (patient, actor, rid, labels, since, until, purposes, kind, level, type, age, denies, types)
select patient, actor, rid, labels, since, until, purposes, kind, level, type, age, denies = 1,
       case when type_first > 0 then coalesce((%(allowed)s::smallint[])[type_first:type_last], '{}') end
  from unnest(%(patients)s::bigint[], %(actors)s::bigint[], %(rids)s::bigint[], %(labels)s::bigint[],
              %(sinces)s::bigint[], %(untils)s::bigint[], %(purposes)s::integer[], %(kinds)s::smallint[],
              %(levels)s::smallint[], %(types)s::smallint[], %(ages)s::smallint[], %(denials)s::smallint[],
              %(type_firsts)s::integer[], %(type_lasts)s::integer[])
    as given(patient, actor, rid, labels, since, until, purposes, kind, level, type, age, denies, type_first, type_last);

-- add_audit
-- Audit events of one lane.  Record and patient numbers come as one array each, each event knowing its stretch of them;
-- who did what comes once for all events of which it is said alike: each event knows the place where it stands.
insert into audit (at, writer, lane, number, caller, practitioner, organisation, session, role, purpose, interaction,
  rule, outcome, type, rids, prids, query, request, hash)
select at, %(writer)s::uuid, %(lane)s::smallint, %(first)s::bigint + place - 1,
       (%(callers)s::text[])[deed], (%(practitioners)s::text[])[deed], (%(organisations)s::text[])[deed],
       (%(sessions)s::text[])[deed], (%(roles)s::text[])[deed], (%(purposes)s::text[])[deed],
       (%(interactions)s::text[])[deed], (%(rules)s::text[])[deed], (%(outcomes)s::text[])[deed],
       (%(types)s::smallint[])[deed],
       coalesce((%(rids)s::bigint[])[rid_first:rid_last], '{}'),
       coalesce((%(prids)s::bigint[])[prid_first:prid_last], '{}'), query, request, hash
  from unnest(%(ats)s::bigint[], %(deeds)s::integer[], %(rid_firsts)s::integer[], %(rid_lasts)s::integer[],
              %(prid_firsts)s::integer[], %(prid_lasts)s::integer[], %(queries)s::text[], %(requests)s::text[],
              %(hashes)s::bytea[])
    with ordinality
    as given(at, deed, rid_first, rid_last, prid_first, prid_last, query, request, hash, place);

-- add_audit_of_one
-- The same where each event is about one record, of one patient or none, and asked for nothing: as reads are.
insert into audit (at, writer, lane, number, caller, practitioner, organisation, session, role, purpose, interaction,
  rule, outcome, type, rids, prids, request, hash)
select at, %(writer)s::uuid, %(lane)s::smallint, %(first)s::bigint + place - 1,
       (%(callers)s::text[])[deed], (%(practitioners)s::text[])[deed], (%(organisations)s::text[])[deed],
       (%(sessions)s::text[])[deed], (%(roles)s::text[])[deed], (%(purposes)s::text[])[deed],
       (%(interactions)s::text[])[deed], (%(rules)s::text[])[deed], (%(outcomes)s::text[])[deed],
       (%(types)s::smallint[])[deed],
       array[rid], case when prid is null then '{}' else array[prid] end, request, hash
  from unnest(%(ats)s::bigint[], %(deeds)s::integer[], %(rids)s::bigint[], %(prids)s::bigint[], %(requests)s::text[],
              %(hashes)s::bytea[])
    with ordinality as given(at, deed, rid, prid, request, hash, place);
