-- keys
-- All data keys, wrapped.
select number, use, cipher, wrapped, state from vault_key order by number;

-- lock_keys
-- One process at a time makes keys.
select pg_advisory_xact_lock(3, 1);

-- current_key
-- The number of the key that is current for a use.
select number from vault_key where use = %(use)s and state = 'current';

-- next_key_number
-- The number of the next key.
select (coalesce(max(number), 0) + 1)::smallint from vault_key;

-- replace_key
-- The current key of a use opens from now on, and seals no more.
update vault_key set state = 'old' where use = %(use)s and state = 'current';

-- add_key
-- A new key becomes the current one of its use.
insert into vault_key (number, use, cipher, wrapped, state, made_at)
values (%(number)s::smallint, %(use)s, %(cipher)s, %(wrapped)s, 'current', %(made_at)s);

-- wait_for_sealing
-- Wait until no transaction is under way that seals with this key.
select pg_advisory_xact_lock(6, %(number)s::integer);

-- hold_key
-- Keep a key current until this transaction ends, or run it again.
select hold_vault_key(%(number)s::smallint);

-- reserve_sealings
-- Set sealings of a key aside; nothing if they would be too many.
update vault_key set reserved = reserved + %(sealings)s::bigint
 where number = %(number)s::smallint and reserved + %(sealings)s::bigint <= %(within)s::bigint
returning reserved;

-- key_overview
-- Every key of fields, how often it may have sealed, and how many versions, accounts, credentials, cameras and documents it holds now.
select k.number, k.cipher, k.state, k.made_at, k.reserved,
       (select count(*) from resource r where r.sealed_with = k.number)
       + (select count(*) from history h where h.sealed_with = k.number)
       + (select count(*) from account a where a.sealed_with = k.number)
       + (select count(*) from credential c where c.sealed_with = k.number and c.ended_at is null)
       + (select count(*) from camera m where m.sealed_with = k.number)
       + (select count(*) from document d where d.sealed_with = k.number)
  from vault_key k
 where k.use = 'fields'
 order by k.number;

-- unsealed_count
-- How many versions were written before there were keys.
select (select count(*) from resource where sealed_with is null and body is not null)
       + (select count(*) from history where sealed_with is null and body is not null);

-- retire_key
-- Forget a key that holds no version, account, credential, camera or document any more; nobody can open with it again, except in an older backup.
update vault_key k set state = 'retired', wrapped = ''
 where k.number = %(number)s::smallint and k.state = 'old'
   and not exists (select from resource r where r.sealed_with = k.number)
   and not exists (select from history h where h.sealed_with = k.number)
   and not exists (select from account a where a.sealed_with = k.number)
   and not exists (select from credential c where c.sealed_with = k.number and c.ended_at is null)
   and not exists (select from camera m where m.sealed_with = k.number)
   and not exists (select from document d where d.sealed_with = k.number);

-- to_reseal_count
-- How many versions another key sealed, or none, now and in the history.
select (select count(*) from resource where body is not null and sealed_with is distinct from 0::smallint
                                            and sealed_with is distinct from %(number)s::smallint),
       (select count(*) from history where body is not null and sealed_with is distinct from 0::smallint
                                           and sealed_with is distinct from %(number)s::smallint);

-- to_reseal
-- The next current versions of a type that another key sealed, or none.
select rid
  from resource
 where type = %(type)s and rid > %(after)s and body is not null
   and sealed_with is distinct from 0::smallint and sealed_with is distinct from %(number)s::smallint
 order by rid
 limit %(limit)s::integer;

-- to_reseal_bodies
-- These versions, unless somebody wrote them anew meanwhile.
select rid, version, type, body
  from resource
 where type = %(type)s and rid = any(%(rids)s) and body is not null
   and sealed_with is distinct from 0::smallint and sealed_with is distinct from %(number)s::smallint;

-- reseal
-- The same versions, sealed by another key.
update resource r
   set body = given.body, sealed_with = given.sealed_with
  from unnest(%(rids)s::bigint[], %(bodies)s::bytea[], %(sealed_withs)s::smallint[]) as given(rid, body, sealed_with)
 where r.type = %(type)s and r.rid = given.rid;

-- history_to_reseal
-- The next earlier versions that another key sealed, or none.
select rid, version, type, body
  from history
 where (rid, version, type) > (%(after)s, %(after_version)s, %(after_type)s) and body is not null
   and sealed_with is distinct from 0::smallint and sealed_with is distinct from %(number)s::smallint
 order by rid, version, type
 limit %(limit)s::integer;

-- reseal_history
-- The same earlier versions, sealed by another key; one that was emptied meanwhile stays empty.
update history h
   set body = given.body, sealed_with = given.sealed_with
  from unnest(%(rids)s::bigint[], %(versions)s::integer[], %(types)s::smallint[], %(bodies)s::bytea[],
              %(sealed_withs)s::smallint[]) as given(rid, version, type, body, sealed_with)
 where h.rid = given.rid and h.version = given.version and h.type = given.type and h.body is not null;

-- try_to_rotate
-- Whether nobody else rotates keys now; the place is kept until it is given back or the connection ends.
select pg_try_advisory_lock(3, 2);

-- end_rotation
-- Give the place of the one who rotates back.
select pg_advisory_unlock(3, 2);
