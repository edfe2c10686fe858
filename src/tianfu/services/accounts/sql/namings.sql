-- tell_naming
-- Somebody asked another to look for him; told to whoever bears that telephone and name.
insert into naming_told (asker, naming, handle, named, asked_at, until)
values (%(asker)s, %(naming)s, %(handle)s, %(named)s, %(now)s, %(until)s)
on conflict do nothing;

-- answer_naming
-- What was answered, and that the asker has not seen it; also of a naming that no page wrote.
insert into naming_told (asker, naming, handle, named, asked_at, until, answer, answered_by, answered_at)
select coalesce((select account from account_record
                  where type = 'Patient' and record = any(%(patients)s::text[]) and until is null
                  order by account limit 1), ''),
       %(naming)s, %(handle)s, %(named)s, %(now)s, %(until)s, %(answer)s, %(account)s, %(now)s
on conflict (asker, naming) do update
   set answer = excluded.answer, answered_by = excluded.answered_by, answered_at = excluded.answered_at, seen_at = null;

-- reconsider_naming
-- Whoever declined takes that back; the offer waits again.
update naming_told set answer = null, answered_by = null, answered_at = null, seen_at = null
 where naming = %(naming)s and answer = 'declined' and answered_by = %(account)s
returning naming;

-- end_naming
-- Whoever asked took it back: nothing waits any more.
update naming_told set ended_at = %(now)s where asker = %(account)s and naming = %(naming)s and ended_at is null;

-- answers_to
-- What was answered to somebody's namings, and whether he has seen it.
select naming, answer, answered_at, until, seen_at is not null and (until > %(now)s::bigint or seen_at >= until)
  from naming_told
 where asker = %(account)s and naming = any(%(namings)s::text[]) and ended_at is null;

-- see_answers
-- Whoever asked has seen how it stands.
update naming_told set seen_at = %(now)s
 where asker = %(account)s and ended_at is null and answer is not null
   and (seen_at is null or (until <= %(now)s::bigint and seen_at < until));

-- declined_by
-- The namings that somebody declined, of these.
select naming from naming_told
 where answered_by = %(account)s and answer = 'declined' and naming = any(%(namings)s::text[]);

-- declined_often
-- Those of these patients whom somebody declined so often that he is not asked any more.
select r.record from account_record r
 where r.type = 'Patient' and r.record = any(%(patients)s::text[]) and r.until is null
   and %(times)s::integer <= (select count(*) from naming_told t
                               where t.answered_by = %(account)s and t.answer = 'declined' and t.asker = r.account);

-- times_declined
-- How often whoever has this telephone declined to look for somebody.
select count(*) from naming_told where asker = %(account)s and handle = %(handle)s and answer = 'declined';

-- news_of
-- How many offers wait for whoever bears a telephone and name, and how many answers he has not seen.
select (select count(*) from naming_told
         where handle = %(handle)s and named = %(named)s and asker <> %(account)s and answer is null
           and ended_at is null and until > %(now)s::bigint),
       (select count(*) from naming_told
         where asker = %(account)s and ended_at is null and answer is not null
           and (seen_at is null or (answer = 'accepted' and until <= %(now)s::bigint and seen_at < until)));
