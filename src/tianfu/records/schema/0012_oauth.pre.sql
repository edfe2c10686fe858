-- Programs that people sign in to, what they were allowed, and the keys that sign tokens.
-- Why it is shaped so: docs/decisions/0014-sign-in.md .  Only services/accounts reads and writes these tables.

-- `secret` is the SHA-256 of 32 random bytes; nobody chooses a secret, so none can be guessed.  `role` is of a backend
-- service, which acts for itself.  `keys` is a JWK Set as text, `keys_at` the address where the client keeps it.
create table oauth_client (
  client        text    primary key collate "C",
  kind          text    not null collate "C" check (kind in ('public', 'symmetric', 'asymmetric', 'backend')),
  name          text    not null collate "C",
  secret        bytea   check ((secret is not null) = (kind = 'symmetric')),
  keys          text    collate "C",
  keys_at       text    collate "C",
  redirects     text[]  not null collate "C",
  launch_at     text    collate "C",
  scopes        text[]  not null collate "C",
  organisation  text    collate "C",
  role          text    collate "C" check ((role is not null) = (kind = 'backend')),
  registered_at bigint  not null,
  registered_by text    not null collate "C",
  disabled_at   bigint,
  disabled_by   text    collate "C",
  check ((num_nonnulls(keys, keys_at) = 1) = (kind in ('asymmetric', 'backend'))),
  check ((cardinality(redirects) = 0) = (kind = 'backend')),
  check (kind <> 'backend' or organisation is not null)
);

-- What one authorisation gave: all tokens that came of it end with it.  Without an account, a backend service's own.
-- `is_offline` goes on after its session; it still ends with the account, the workplace and the client.
create table oauth_family (
  family     text    primary key collate "C",
  client     text    not null collate "C" references oauth_client,
  account    text    collate "C" references account,
  workplace  text    collate "C" references workplace,
  session    text    collate "C",
  scopes     text[]  not null collate "C",
  patient    text    collate "C",
  proved_at  bigint  not null,
  is_offline boolean not null,
  since      bigint  not null,
  until      bigint  not null,
  ended_at   bigint,
  ended_for  text    collate "C",
  check ((account is null) = (session is null))
);
create index oauth_family_account on oauth_family (account) where ended_at is null;
create index oauth_family_client on oauth_family (client) where ended_at is null;
create index oauth_family_until on oauth_family (until);

-- An authorisation code on its way through a browser; a row that was used stays until `until` passed and more, so that
-- a second use is known for what it is.
create table oauth_code (
  digest     bytea  primary key,
  family     text   not null collate "C" references oauth_family on delete cascade,
  redirect   text   not null collate "C",
  challenge  text   not null collate "C",
  nonce      text   collate "C",
  until      bigint not null,
  used_at    bigint
);
create index oauth_code_family on oauth_code (family);

-- Refresh tokens: each is used once and replaced.  Those that were used stay as long as their family.
create table oauth_refresh (
  digest  bytea  primary key,
  family  text   not null collate "C" references oauth_family on delete cascade,
  until   bigint not null,
  used_at bigint
);
create index oauth_refresh_family on oauth_refresh (family);

-- Client assertions that were shown; none is taken twice.
create table oauth_assertion (
  client text   not null collate "C",
  jti    text   not null collate "C",
  until  bigint not null,
  primary key (client, jti)
);
create index oauth_assertion_until on oauth_assertion (until);

-- Handles by which a page of ours starts an app for one patient.
create table oauth_launch (
  digest  bytea  primary key,
  client  text   not null collate "C" references oauth_client,
  session text   not null collate "C",
  patient text   not null collate "C",
  until   bigint not null
);
create index oauth_launch_until on oauth_launch (until);

-- Keys that sign tokens.  `sealed` is the private key, sealed for this kid; it is emptied once the key is old.
create table signing_key (
  kid         text    primary key collate "C",
  public      text    not null collate "C",
  sealed      bytea   not null,
  sealed_with integer not null,
  state       text    not null collate "C" check (state in ('next', 'current', 'old')),
  made_at     bigint  not null,
  since       bigint,
  until       bigint
);
create unique index signing_key_one on signing_key (state) where state in ('next', 'current');

-- Who somebody is at another provider; it gives no rights, it only names one of our accounts.
create table outside_account (
  issuer  text   not null collate "C",
  subject text   not null collate "C",
  account text   not null collate "C" references account,
  since   bigint not null,
  by      text   not null collate "C",
  until   bigint
);
create unique index outside_account_once on outside_account (issuer, subject) where until is null;
create index outside_account_account on outside_account (account) where until is null;

-- A sign-in that is on its way to another provider and back; `browser` is the digest of that browser's own secret,
-- from which nonce and PKCE verifier are derived, so that neither lies here.
create table outside_sign_in (
  digest   bytea  primary key,
  provider text   not null collate "C",
  browser  bytea  not null,
  until    bigint not null
);
create index outside_sign_in_until on outside_sign_in (until);

grant select, insert, update on oauth_client, signing_key, outside_account to tianfu_app;
grant select, insert, update, delete on oauth_family, oauth_code, oauth_refresh to tianfu_app;
grant select, insert, delete on oauth_assertion, oauth_launch, outside_sign_in to tianfu_app;
grant delete on signing_key to tianfu_app;
