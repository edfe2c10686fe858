-- begin_failures
-- A row to lock, for what never failed before.
insert into sign_in_failure (subject, failures, last_at) values (%(subject)s, 0, %(now)s) on conflict do nothing;

-- failures
-- What is counted for a handle or an address.
select failures, last_at, closed_until from sign_in_failure where subject = %(subject)s;

-- lock_failures
-- What is counted for a handle or an address, kept from others until this transaction ends.
select failures, last_at, closed_until from sign_in_failure where subject = %(subject)s for update;

-- keep_failures
-- What is counted from now on.
update sign_in_failure set failures = %(count)s, last_at = %(last_at)s, closed_until = %(closed_until)s
 where subject = %(subject)s;

-- forgive_failures
-- Whoever signed in has failed no more.
delete from sign_in_failure where subject = %(subject)s;

-- forget_failures
-- What nobody failed at for a day.
delete from sign_in_failure where last_at <= %(before)s and closed_until <= %(now)s;
