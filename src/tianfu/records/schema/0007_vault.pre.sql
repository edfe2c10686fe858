-- Keys that seal protected elements, and which key sealed each version.  Why so: docs/decisions/0012-vault.md

-- Data keys, wrapped by the master key, which is never in the database.
-- use: fields (seals elements), index (hashes what is looked for); state: current, old (still opens), retired (gone).
create table vault_key (
  number   smallint primary key,
  use      text     not null collate "C",
  cipher   text     not null collate "C",
  wrapped  bytea    not null,
  state    text     not null collate "C" check (state in ('current', 'old', 'retired')),
  reserved bigint   not null default 0,
  made_at  bigint   not null
);
create unique index vault_key_current on vault_key (use) where state = 'current';

-- The key that sealed a version's elements; 0: it holds none; null: written before there were keys.
alter table resource add column sealed_with smallint;
alter table history add column sealed_with smallint;

-- hold_vault_key
-- Keep a key current until this transaction ends; a key that is not current any more makes it run again.
-- Whoever replaces a key takes the same lock alone, and afterwards knows that nobody seals with the old one.
create function hold_vault_key(wanted smallint) returns void language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock_shared(6, wanted);
  if not exists (select from vault_key where number = wanted and state = 'current') then
    raise exception 'another key is current' using errcode = '40001';
  end if;
end $$;

grant select on vault_key to tianfu_app;
