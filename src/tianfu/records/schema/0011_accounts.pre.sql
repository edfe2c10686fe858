-- People who sign in: what proves who they are, where they work, and their sessions.
-- Why it is shaped so: docs/decisions/0014-sign-in.md .  Only services/accounts reads and writes these tables.

-- `handle` is a keyed digest of the telephone number (residents) or staff number (staff) that somebody signs in by;
-- `told` is the name and that number, sealed for this row and version.
create table account (
  account     text     primary key collate "C",
  kind        text     not null collate "C" check (kind in ('resident', 'staff')),
  handle      bytea    not null,
  told        bytea    not null,
  sealed_with integer  not null,
  version     integer  not null default 1,
  assurance   smallint not null default 0 check (assurance between 0 and 3),
  created_at  bigint   not null,
  left_at     bigint
);
create unique index account_handle on account (kind, handle) where left_at is null;

-- Whose records are a resident's own, or by which RelatedPerson somebody else's record names him.
create table account_record (
  account text   not null collate "C" references account,
  type    text   not null collate "C" check (type in ('Patient', 'RelatedPerson')),
  record  text   not null collate "C",
  since   bigint not null,
  until   bigint,
  by      text   not null collate "C",
  primary key (account, type, record, since)
);

-- Where somebody works, and as what; somebody may work in several places.  `practising_since` is a year.
create table workplace (
  workplace        text     primary key collate "C",
  account          text     not null collate "C" references account,
  organisation     text     not null collate "C",
  role             text     not null collate "C",
  practitioner     text     collate "C",
  licence          text     collate "C",
  title            text     collate "C",
  practising_since smallint,
  since            bigint   not null,
  until            bigint,
  by               text     not null collate "C"
);
create index workplace_account on workplace (account) where until is null;
create index workplace_organisation on workplace (organisation) where until is null;
create unique index workplace_once on workplace (account, organisation, role) where until is null;
-- The three administrators of classified protection, level 3: nobody holds two of the offices, wherever.
create unique index workplace_one_office on workplace (account)
  where until is null and role in ('administrator', 'security', 'officer');

-- What proves who somebody is.  `secret` is an argon2 text, a sealed TOTP secret, a public key of a passkey or the
-- digest of a recovery code; `counter` is the last TOTP step that was used or a passkey's count of signatures.
create table credential (
  credential  text    primary key collate "C",
  account     text    not null collate "C" references account,
  kind        text    not null collate "C" check (kind in ('password', 'totp', 'passkey', 'recovery')),
  key_id      bytea,
  secret      bytea   not null,
  sealed_with integer not null default 0,
  counter     bigint  not null default 0,
  label       text    not null collate "C" default '',
  created_at  bigint  not null,
  used_at     bigint,
  ended_at    bigint
);
create index credential_account on credential (account) where ended_at is null;
create unique index credential_key on credential (key_id) where key_id is not null;
create unique index credential_one_password on credential (account) where kind = 'password' and ended_at is null;

-- A one-time code on its way to a telephone; `digest` is keyed, so a copy of the table tells none.
-- `sent` counts the codes of the day that began at `day_began`; a code that was used is over at once.
create table one_time_code (
  handle    bytea    primary key,
  digest    bytea    not null,
  tries     smallint not null default 0,
  sent_at   bigint   not null,
  until     bigint   not null,
  sent      smallint not null,
  day_began bigint   not null
);

-- Failures to sign in since the last success: by handle and by address, whether or not there is such an account.
create table sign_in_failure (
  subject  bytea    primary key,
  failures integer  not null,
  last_at  bigint   not null,
  closed_until bigint not null default 0
);

-- A sign-in that has passed its first step and waits for the second; a challenge that a passkey must answer.
create table sign_in_step (
  step    bytea  primary key,
  account text   collate "C",
  told    bytea  not null,
  until   bigint not null
);

-- `digest` is of the secret that the cookie holds; `device` that of the browser's own secret, which never leaves it
-- for another session.  `session` is the public name that the trace and the list of sessions show.
create table session (
  digest     bytea    primary key,
  session    text     not null unique collate "C",
  account    text     not null collate "C" references account,
  workplace  text     collate "C" references workplace,
  device     bytea    not null,
  agent      text     not null collate "C",
  methods    text[]   not null collate "C",
  proved_at  bigint   not null,
  since      bigint   not null,
  seen_at    bigint   not null,
  until      bigint   not null,
  ended_at   bigint,
  ended_by   text     collate "C"
);
create index session_account on session (account) where ended_at is null;
create index session_until on session (until);

grant select, insert, update on account, account_record, workplace, credential, session to tianfu_app;
grant select, insert, update, delete on one_time_code, sign_in_failure, sign_in_step to tianfu_app;
grant delete on session to tianfu_app;
