-- add_credential
-- Something that proves who somebody is.
insert into credential (credential, account, kind, key_id, secret, sealed_with, counter, label, handed_over, created_at)
values (%(credential)s, %(account)s, %(kind)s, %(key_id)s, %(secret)s, %(sealed_with)s, %(counter)s, %(label)s,
        %(handed_over)s, %(now)s);

-- credentials_of
-- What proves who somebody is now, oldest first; a page shows no secret of it.
select credential, kind, label, created_at, used_at from credential
 where account = %(account)s and ended_at is null
 order by created_at, credential;

-- password_of
-- The digest of somebody's password.
select credential, secret from credential where account = %(account)s and kind = 'password' and ended_at is null;

-- hold_credentials
-- Let nobody end these credentials of an account until this transaction ends; those that have ended are not among them.
select credential from credential
 where account = %(account)s and credential = any(%(names)s::text[]) and ended_at is null
 order by credential
   for share;

-- has_handed_over_password
-- Whether somebody's password is still the one that was handed over to him.
select exists (select from credential
                where account = %(account)s and kind = 'password' and handed_over and ended_at is null);

-- replace_digest
-- The same password at today's cost, unless it was changed meanwhile.
update credential set secret = %(secret)s
 where credential = %(credential)s and secret = %(before)s and ended_at is null;

-- used_credential
-- When something last proved who somebody is.
update credential set used_at = %(now)s where credential = %(credential)s;

-- totps_of
-- The sealed secrets of somebody's authenticators.
select credential, secret, sealed_with from credential
 where account = %(account)s and kind = 'totp' and ended_at is null
 order by created_at, credential;

-- use_step
-- A step of an authenticator is used once, and none before it afterwards.
update credential set counter = %(step)s::bigint, used_at = %(now)s
 where credential = %(credential)s and counter < %(step)s::bigint and ended_at is null
returning credential;

-- use_recovery
-- A recovery code is used once.
update credential set used_at = %(now)s, ended_at = %(now)s
 where account = %(account)s and kind = 'recovery' and secret = %(secret)s and ended_at is null
returning credential;

-- recovery_left
-- How many recovery codes somebody has.
select count(*) from credential where account = %(account)s and kind = 'recovery' and ended_at is null;

-- has_second_factor
-- Whether somebody set up a second factor beside the password.
select exists (select from credential
                where account = %(account)s and kind in ('totp', 'passkey') and ended_at is null);

-- passkey
-- A passkey by the number its device gave it, and whose it is.
select c.credential, c.account, c.secret, c.counter
  from credential c join account a using (account)
 where c.key_id = %(key_id)s and c.kind = 'passkey' and c.ended_at is null and a.left_at is null;

-- passkeys_of
-- The numbers of somebody's passkeys.
select key_id from credential
 where account = %(account)s and kind = 'passkey' and ended_at is null
 order by created_at, credential;

-- count_passkey
-- A passkey signed; its count of signatures only grows, or is always 0.
update credential set counter = %(counter)s::bigint, used_at = %(now)s
 where credential = %(credential)s and ended_at is null
   and (counter < %(counter)s::bigint or (counter = 0 and %(counter)s::bigint = 0))
returning credential;

-- end_credential
-- Something proves nothing any more.
update credential set ended_at = %(now)s
 where account = %(account)s and credential = %(credential)s and ended_at is null
returning kind;

-- end_credentials_of_kind
-- All of a kind prove nothing any more.
update credential set ended_at = %(now)s where account = %(account)s and kind = %(kind)s and ended_at is null;

-- end_credentials
-- Nothing proves who somebody is any more.
update credential set ended_at = %(now)s where account = %(account)s and ended_at is null;
