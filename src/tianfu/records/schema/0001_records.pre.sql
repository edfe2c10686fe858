-- The record store.  Why it is shaped so: docs/decisions/0002-record-tables.md
-- All instants are UTC microseconds since 1970; all text compares by bytes (COLLATE "C").

-- instant
-- A stored instant for people who read the tables by hand.
create function instant(microseconds bigint) returns timestamptz
  language sql immutable strict parallel safe
  return timestamptz 'epoch' + microseconds * interval '1 microsecond';

-- The current version of every resource; a deleted one stays as a tombstone without body.
create table resource (
  rid         bigint   not null,
  changed_at  bigint   not null,
  prid        bigint,
  date_low    bigint,
  date_high   bigint,
  code        bigint,
  category    bigint,
  status      bigint,
  number      double precision,
  unit        bigint,
  encounter   bigint,
  version     integer  not null,
  org         integer,
  type        smallint not null,
  sensitivity smallint not null,
  generation  smallint not null,
  deleted     boolean  not null,
  fid         bytea    not null,
  labels      bigint[],
  tokens      bigint[],
  body        bytea
) partition by list (type);

alter table resource alter column body set storage external;

-- Every earlier version, never changed; partitions by month are made by ensure_months.
create table history (
  rid         bigint   not null,
  changed_at  bigint   not null,
  prid        bigint,
  version     integer  not null,
  org         integer,
  type        smallint not null,
  sensitivity smallint not null,
  deleted     boolean  not null,
  fid         bytea    not null,
  labels      bigint[],
  body        bytea
) partition by range (changed_at);
create index history_of on history (rid, version);
create index history_at on history (changed_at);
alter table history alter column body set storage external;
create table history_other partition of history default;

-- Subjects of a resource beyond the primary one; reading needs permission for each.
create table also_about (
  rid  bigint   not null,
  prid bigint   not null,
  type smallint not null
);
create index also_about_resource on also_about (rid);
create index also_about_patient on also_about (prid, type);

-- Which codes occur at all, so that a search by code alone, system alone or address prefix becomes a list of hashes.
create table token (
  hash    bigint   primary key,
  param   smallint not null,
  system  text     not null collate "C",
  code    text     not null collate "C",
  display text     collate "C"
);
create index token_code on token (param, code);
create index token_system on token (param, system);

create table identifier (
  hash  uuid     not null,
  rid   bigint   not null,
  type  smallint not null,
  param smallint not null
);
create index identifier_hash on identifier (hash, type, param);
create index identifier_rid on identifier (rid);

create table reference (
  target      bigint   not null,
  source      bigint   not null,
  param       smallint not null,
  source_type smallint not null
);
create index reference_target on reference (target, param, source);
create index reference_source on reference (source);

create table string (
  rid   bigint   not null,
  code  bigint,
  type  smallint not null,
  param smallint not null,
  form  smallint not null,
  value text     not null collate "C"
);
create index string_value on string (param, form, value);
create index string_rid on string (rid);

create table date (
  rid   bigint   not null,
  low   bigint   not null,
  high  bigint   not null,
  code  bigint,
  type  smallint not null,
  param smallint not null
);
create index date_low on date (param, low, high);
create index date_rid on date (rid);

create table quantity (
  rid    bigint   not null,
  code   bigint,
  unit   bigint,
  number double precision not null,
  type   smallint not null,
  param  smallint not null
);
create index quantity_number on quantity (param, code, number);
create index quantity_rid on quantity (rid);

-- What changed, in the order in which it may be consumed: below the oldest running transaction, by (xid, seq).
-- One row tells of many resources of one type; the arrays run in parallel.
create table feed (
  xid          xid8     not null default pg_current_xact_id(),
  seq          bigint   not null generated always as identity,
  changed_at   bigint   not null,
  type         smallint not null,
  rids         bigint[] not null,
  versions     integer[] not null,
  operations   text     not null collate "C",
  prids        bigint[] not null,
  prids_before bigint[]
) partition by range (changed_at);
create index feed_order on feed (xid, seq);
create table feed_other partition of feed default;

-- How far each consumer of the feed has come.
create table feed_cursor (
  consumer text   primary key collate "C",
  xid      xid8   not null,
  seq      bigint not null,
  moved_at bigint not null
);

-- Who did what, when and why; insert only.
create table audit (
  at          bigint    not null,
  seq         bigint    not null generated always as identity,
  writer      uuid      not null,
  caller      text      not null collate "C",
  role        text      not null collate "C",
  purpose     text      not null collate "C",
  interaction text      not null collate "C",
  rule        text      not null collate "C",
  outcome     text      not null collate "C",
  type        smallint,
  rids        bigint[]  not null,
  prids       bigint[]  not null,
  query       text      collate "C",
  request     text      not null collate "C"
) partition by range (at);
create index audit_at on audit (at);
create table audit_other partition of audit default;

-- Trained compression dictionaries; a body's first byte names one.  Never changed, never removed.
create table dictionary (
  number smallint primary key,
  name   text     not null unique collate "C",
  bytes  bytea    not null
);

-- The systems that records come from.
create table source (
  org     integer primary key generated always as identity,
  uri     text    not null unique collate "C",
  library text    not null collate "C",
  name_zh text    not null collate "C",
  name_en text    not null collate "C"
);

-- Up to which generation of the index each resource type has been indexed.
create table index_state (
  type        smallint primary key,
  generation  smallint not null,
  finished_at bigint   not null
);

-- Imports of inputs (a file in one state); one that was begun and not finished is continued.
create table import_run (
  run         uuid   primary key,
  fingerprint bytea  not null,
  begun_at    bigint not null,
  finished_at bigint
);
create index import_run_fingerprint on import_run (fingerprint) where finished_at is null;

-- Which pieces of a run are finished, and what became of their records.
create table import_piece (
  run    uuid    not null,
  piece  integer not null,
  result jsonb   not null,
  primary key (run, piece)
);
create table import_reject (
  run    uuid    not null,
  piece  integer not null,
  line   bigint  not null,
  path   text    not null collate "C",
  reason text    not null collate "C"
);
create index import_reject_run on import_reject (run, piece);

-- Records erased by law: what is left of them.
create table erasure (
  rid       bigint not null,
  type      smallint not null,
  fid       bytea  not null,
  erased_at bigint not null,
  caller    text   not null collate "C",
  authority text   not null collate "C",
  versions  integer not null
);
create index erasure_rid on erasure (rid);

-- Fingerprints of the keys that this database was filled with.
create table key_check (
  name        text  primary key collate "C",
  fingerprint bytea not null
);

-- make_partition
-- One partition of `resource` with the access paths that all share.
create procedure make_partition(partition text, types smallint[]) language plpgsql as $$
begin
  if types is null then
    execute format('create table %I partition of resource default', partition);
    -- Records of two types may share a number.
    execute format('create unique index %I on %I (rid, type)', partition || '_rid', partition);
  else
    execute format('create table %I partition of resource for values in (%s)', partition, array_to_string(types, ','));
    execute format('create unique index %I on %I (rid)', partition || '_rid', partition);
  end if;
  execute format('create index %I on %I (changed_at)', partition || '_changed', partition);
  execute format('create index %I on %I (prid, date_low desc nulls last)', partition || '_person', partition);
  execute format('create index %I on %I (code, date_low) where code is not null', partition || '_code', partition);
  execute format('create index %I on %I (encounter) where encounter is not null', partition || '_encounter', partition);
  execute format('create index %I on %I using gin (tokens) where tokens is not null', partition || '_tokens', partition);
  execute format('alter table %I alter column body set storage external', partition);
end $$;

-- ensure_months
-- Partitions of history, feed and audit from one month before `since` to `ahead` months after it; safe to repeat.
create procedure ensure_months(since timestamptz, ahead integer) language plpgsql as $$
declare
  month timestamptz;
  parent text;
  part text;
begin
  for month in
    select m from generate_series(date_trunc('month', since, 'UTC') - interval '1 month',
                                  date_trunc('month', since, 'UTC') + ahead * interval '1 month', interval '1 month') as m
  loop
    foreach parent in array array['history', 'feed', 'audit'] loop
      part := parent || '_' || to_char(month at time zone 'UTC', 'YYYY_MM');
      if to_regclass(part) is null then
        execute format('create table %I partition of %I for values from (%s) to (%s)', part, parent,
          (extract(epoch from month) * 1000000)::bigint,
          (extract(epoch from month + interval '1 month') * 1000000)::bigint);
      end if;
    end loop;
  end loop;
end $$;
