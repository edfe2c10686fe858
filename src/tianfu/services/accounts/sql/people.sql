-- add_account
-- A person who may sign in; the number must be nobody else's who is here.
insert into account (account, kind, handle, told, sealed_with, assurance, created_at, telephone_at, named_at)
values (%(account)s, %(kind)s, %(handle)s, %(told)s, %(sealed_with)s, %(assurance)s, %(now)s, %(telephone_at)s,
        %(named_at)s);

-- account_of_handle
-- Whoever signs in by this number now, with the records that are his.
select account, kind, told, sealed_with, version, assurance, left_at,
       array(select record from account_record r
              where r.account = a.account and r.type = 'Patient' and r.until is null order by record),
       array(select record from account_record r
              where r.account = a.account and r.type = 'RelatedPerson' and r.until is null order by record),
       telephone_at, named_at, telephone_lost_at, is_shared
  from account a
 where kind = %(kind)s and handle = %(handle)s and left_at is null;

-- account_of_name
-- An account by its name in the trace, whoever left included.
select account, kind, told, sealed_with, version, assurance, left_at,
       array(select record from account_record r
              where r.account = a.account and r.type = 'Patient' and r.until is null order by record),
       array(select record from account_record r
              where r.account = a.account and r.type = 'RelatedPerson' and r.until is null order by record),
       telephone_at, named_at, telephone_lost_at, is_shared
  from account a
 where account = %(account)s;

-- lock_account
-- Keep an account as it is until this transaction ends; nothing for whoever left.
select account from account where account = %(account)s and left_at is null for update;

-- has_handle
-- Whether an account, which is locked, is still found by this number.
select account from account where account = %(account)s and handle = %(handle)s;

-- holder_of_handle
-- Whose a number is now, kept as he is until this transaction ends.
select account from account where kind = 'resident' and handle = %(handle)s and left_at is null for update;

-- saw_telephone
-- A code to this number opened the account just now.
update account set telephone_at = %(now)s where account = %(account)s and handle = %(handle)s and left_at is null;

-- retell_account
-- Another name or number, or how sure we are and since when, sealed for the next version.
update account
   set told = %(told)s, sealed_with = %(sealed_with)s, version = %(version)s::integer + 1, handle = %(handle)s,
       assurance = %(assurance)s, telephone_at = %(telephone_at)s, named_at = %(named_at)s,
       telephone_lost_at = %(telephone_lost_at)s, is_shared = %(is_shared)s
 where account = %(account)s and version = %(version)s::integer and left_at is null
returning account;

-- account_leaves
-- Somebody is not here any more.
update account set left_at = %(now)s where account = %(account)s and left_at is null returning account;

-- add_account_record
-- A record that is a resident's own, or by which another's record names him; twice is once.
insert into account_record (account, type, record, since, by)
select %(account)s, %(type)s, %(record)s, %(now)s, %(by)s
 where not exists (select from account_record
                    where account = %(account)s and type = %(type)s and record = %(record)s and until is null);

-- lock_records
-- Let nobody else take one of these Patient records until this transaction ends; the names come in order.
select pg_advisory_xact_lock(8, hashtext(record)) from unnest(%(records)s::text[]) as record;

-- records_of_another
-- Whether one of these Patient records is another account's that stands.
select 1
  from account_record r join account a using (account)
 where r.type = 'Patient' and r.record = any(%(records)s::text[]) and r.until is null
   and r.account <> %(account)s and a.left_at is null
 limit 1;

-- owner_of_records
-- Whose account, of those that stand, has one of these Patient records.
select distinct r.account
  from account_record r join account a using (account)
 where r.type = 'Patient' and r.record = any(%(records)s::text[]) and r.until is null and a.left_at is null
 limit 2;

-- take_from_others
-- These records are nobody's any more but this account's.
update account_record set until = %(now)s
 where ((type = 'Patient' and record = any(%(records)s::text[]))
        or (type = 'RelatedPerson' and record = any(%(related)s::text[])))
   and until is null and account <> %(account)s
returning account, type, record;

-- end_real_name
-- The real name of an account is over: it was another's.
update account set named_at = 0 where account = %(account)s and left_at is null;

-- related_accepted
-- Since when somebody who has not left stands for another by each of these records.
select r.record, min(r.since)
  from account_record r join account a using (account)
 where r.type = 'RelatedPerson' and r.record = any(%(records)s::text[]) and r.until is null and a.left_at is null
 group by r.record;

-- end_account_record
-- A record is not a resident's any more.
update account_record set until = %(now)s
 where account = %(account)s and type = %(type)s and record = %(record)s and until is null
returning record;

-- end_other_records
-- Nothing is an account's any more but these records, of both types by name.
update account_record set until = %(now)s
 where account = %(account)s and until is null and type || '/' || record <> all(%(kept)s::text[])
returning type, record;

-- add_workplace
-- Where somebody works from now on, and as what.
insert into workplace (workplace, account, organisation, role, practitioner, licence, title, practising_since, since, by)
values (%(workplace)s, %(account)s, %(organisation)s, %(role)s, %(practitioner)s, %(licence)s, %(title)s,
        %(practising_since)s, %(now)s, %(by)s);

-- workplaces_of
-- Where somebody works now, in the order in which he came there.
select workplace, account, organisation, role, practitioner, licence, title, practising_since
  from workplace
 where account = %(account)s and until is null
 order by since, workplace;

-- workplace
-- One place of work that stands.
select workplace, account, organisation, role, practitioner, licence, title, practising_since
  from workplace
 where workplace = %(workplace)s and until is null;

-- hold_workplace
-- Let nobody end a place of work until this transaction ends; nothing if it has ended.
select workplace from workplace where workplace = %(workplace)s and until is null for share;

-- anybody_in
-- Whether anybody works in one of these roles now.
select exists (select from workplace where role = any(%(roles)s::text[]) and until is null);

-- works_as
-- Whether anybody works in a role now under a Practitioner's name.
select exists (select from workplace
                where practitioner = %(practitioner)s and role = %(role)s and until is null);

-- end_workplace
-- Somebody works there no more.
update workplace set until = %(now)s where workplace = %(workplace)s and until is null returning workplace;

-- end_workplaces
-- Somebody works nowhere any more.
update workplace set until = %(now)s where account = %(account)s and until is null;

-- staff_at
-- Who works in an organisation now, a page at a time.
select w.workplace, w.account, w.organisation, w.role, w.practitioner, w.licence, w.title, w.practising_since,
       a.told, a.sealed_with, a.version
  from workplace w join account a using (account)
 where w.organisation = %(organisation)s and w.until is null and w.workplace > %(after)s
 order by w.workplace
 limit %(limit)s::integer;
