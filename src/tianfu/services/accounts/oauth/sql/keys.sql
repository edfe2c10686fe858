-- lock_keys
-- One process at a time changes keys.
lock table signing_key in share row exclusive mode;

-- signing_keys
-- All keys, those that sign or will sign and those that are still believed.
select kid, public, sealed, sealed_with, state, since, until from signing_key order by made_at, kid;

-- add_signing_key
-- Keep a new key.
insert into signing_key (kid, public, sealed, sealed_with, state, made_at, since)
values (%(kid)s, %(public)s, %(sealed)s, %(sealed_with)s, %(state)s, %(now)s, %(since)s);

-- retire_signing_key
-- The current key signs no more; its private half goes, its public half is believed for a while.
update signing_key set state = 'old', sealed = '', sealed_with = 0, until = %(until)s where state = 'current';

-- promote_signing_key
-- The next key signs from now on.
update signing_key set state = 'current', since = %(now)s where state = 'next';

-- forget_signing_keys
-- Forget keys whose last token is over.
delete from signing_key where state = 'old' and until < %(now)s;
