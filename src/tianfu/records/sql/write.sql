-- lock_slots
-- Wait until nobody else changes records or identities of these slots; sorted, so that two writers cannot wait in a ring.
select pg_advisory_xact_lock(%(space)s, slot) from unnest(%(slots)s::integer[]) as slot;

-- current_heads
-- What stands now under these record numbers of one type, tombstones included.
select rid, version, changed_at, deleted, prid, fid, body
  from resource
 where type = %(type)s and rid = any(%(rids)s);

-- retire
-- Move the current versions of these records to the history.
insert into history (rid, changed_at, prid, version, org, type, sensitivity, deleted, fid, labels, body)
select rid, changed_at, prid, version, org, type, sensitivity, deleted, fid, labels, body
  from resource
 where type = %(type)s and rid = any(%(rids)s);

-- remove_current
-- Take the current rows away; their versions are in the history by now.
delete from resource where type = %(type)s and rid = any(%(rids)s);

-- remove_index_rows
-- Take away everything by which these records were found.
with gone_identifier as (delete from identifier where rid = any(%(rids)s)),
     gone_reference  as (delete from reference where source = any(%(rids)s)),
     gone_string     as (delete from string where rid = any(%(rids)s)),
     gone_date       as (delete from date where rid = any(%(rids)s)),
     gone_quantity   as (delete from quantity where rid = any(%(rids)s))
delete from also_about where rid = any(%(rids)s);

-- add_tokens
-- Enter codings that were never seen before; sorted by hash, so that two writers cannot wait in a ring.
insert into token (hash, param, system, code, display)
select * from unnest(%(hashes)s::bigint[], %(params)s::smallint[], %(systems)s::text[], %(codes)s::text[], %(displays)s::text[])
on conflict do nothing;

-- known_tokens
-- Every coding that the database has ever seen, newest last; read once when a worker starts.
select hash from token limit %(limit)s;

-- add_feed
-- Tell of many changes of one resource type.
insert into feed (changed_at, type, rids, versions, operations, prids, prids_before)
values (%(changed_at)s, %(type)s, %(rids)s, %(versions)s, %(operations)s, %(prids)s, %(prids_before)s);

-- copy_resource
-- New current versions.
copy resource (rid, changed_at, prid, date_low, date_high, code, category, status, number, unit, encounter, version, org,
  type, sensitivity, generation, deleted, fid, labels, tokens, body) from stdin (format binary);

-- copy_history
-- Versions that were already superseded when they arrived.
copy history (rid, changed_at, prid, version, org, type, sensitivity, deleted, fid, labels, body) from stdin (format binary);

-- copy_identifier
-- Identifier rows of new versions.
copy identifier (hash, rid, type, param) from stdin (format binary);

-- copy_reference
-- Reference rows of new versions.
copy reference (target, source, param, source_type) from stdin (format binary);

-- copy_string
-- String rows of new versions.
copy string (rid, code, type, param, form, value) from stdin (format binary);

-- copy_date
-- Date rows of new versions.
copy date (rid, low, high, code, type, param) from stdin (format binary);

-- copy_quantity
-- Quantity rows of new versions.
copy quantity (rid, code, unit, number, type, param) from stdin (format binary);

-- copy_also_about
-- Further subjects of new versions.
copy also_about (rid, prid, type) from stdin (format binary);

-- copy_audit
-- Audit events.
copy audit (at, writer, caller, role, purpose, interaction, rule, outcome, type, rids, prids, query, request)
  from stdin (format binary);
