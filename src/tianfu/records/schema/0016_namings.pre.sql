-- How it stands with each naming of somebody who may look for another: who asked whom, and what was answered.  What a
-- naming opens stands in the Consent alone.  Only services/accounts reads and writes it; rule: docs/rules/family.md

-- `asker` is the account whose own record it is about, empty if nobody has it yet.  `handle` and `named` are keyed
-- digests of the telephone and the real name that were written, so that whoever bears both is told, now or once he has
-- an account, and nobody is looked for when the naming is written.  `until` is the first microsecond after its last day.
create table naming_told (
  asker       text   not null collate "C",
  naming      text   not null collate "C",
  handle      bytea  not null,
  named       bytea  not null,
  asked_at    bigint not null,
  until       bigint not null,
  answer      text   collate "C" check (answer in ('accepted', 'declined', 'laid-down')),
  answered_by text   collate "C" references account,
  answered_at bigint,
  seen_at     bigint,
  ended_at    bigint,
  primary key (asker, naming),
  check ((answer is null) = (answered_by is null) and (answer is null) = (answered_at is null))
);
create index naming_told_handle on naming_told (handle);
create index naming_told_answered on naming_told (answered_by) where answer = 'declined';
grant select, insert, update on naming_told to tianfu_app;

-- Whose a record is, and who stands by it, is asked at each page of family.
create index account_record_record on account_record (record, type) where until is null;

-- A unit's ties of years stand beside those that count now: whose patients somebody has is asked by when they end.
create index relation_actor_until on relation (actor, until) where not denies;
drop index relation_actor;
