-- The chain over the trace: docs/reference/audit-trail.md tells every byte of it.
-- An old program beside this step goes on leaving events without a place in a chain.

alter table audit
  add column lane         smallint,
  add column number       bigint,
  add column practitioner text not null default '' collate "C",
  add column organisation text not null default '' collate "C",
  add column session      text not null default '' collate "C",
  add column hash         bytea;

-- An event's place in its chain: the way to one event, to a lane's end, and through a lane from its start.
create index audit_chain on audit (writer, lane, number) where number is not null;

-- What was shown or written of a patient, for the person's own ledger.
create index audit_patients on audit using gin (prids) with (fastupdate = off);

-- Each process that leaves events says so once, signed: who it is, and where the chains of those before it ended.
-- The records are texts whose exact bytes are signed and hashed; each names the hash of the one before it.
create table audit_epoch (
  number    bigint primary key,
  writer    uuid   not null unique,
  at        bigint not null,
  record    text   not null collate "C",
  key       text   not null collate "C",
  signature bytea  not null,
  hash      bytea  not null
);

-- Once a minute, the ends of all chains under one signature; the same texts lie outside the database.
create table audit_root (
  series    uuid   not null,
  number    bigint not null,
  at        bigint not null,
  record    text   not null collate "C",
  key       text   not null collate "C",
  signature bytea  not null,
  primary key (series, number)
);

grant select on audit_epoch, audit_root to tianfu_reader;
grant insert on audit_epoch, audit_root to tianfu_audit;
grant select on audit_epoch, audit_root to tianfu_audit;
