-- keep_code
-- Keep a new code in place of the last one, unless that was sent a moment ago or the day's codes are used up.
insert into one_time_code as kept (handle, digest, sent_at, until, sent, day_began)
values (%(handle)s, %(digest)s, %(now)s::bigint, %(until)s, 1, %(now)s::bigint)
on conflict (handle) do update
   set digest = excluded.digest, tries = 0, sent_at = excluded.sent_at, until = excluded.until,
       sent = case when kept.day_began <= %(day_ago)s::bigint then 1 else kept.sent + 1 end,
       day_began = case when kept.day_began <= %(day_ago)s::bigint then excluded.day_began else kept.day_began end
 where kept.sent_at <= %(moment_ago)s::bigint
   and (kept.sent < %(most)s::integer or kept.day_began <= %(day_ago)s::bigint)
returning sent;

-- code_sent_at
-- When the last code of a handle was sent.
select sent_at from one_time_code where handle = %(handle)s;

-- drop_code
-- A code that never left is over, and the next one need not wait for it.
update one_time_code set until = 0, sent_at = %(moment_ago)s
 where handle = %(handle)s and digest = %(digest)s;

-- try_code
-- Count a try of a code, and give its digest while there are tries left.
update one_time_code set tries = tries + 1
 where handle = %(handle)s and until > %(now)s and tries < %(most)s::integer
returning digest;

-- use_code
-- A code is used once: of several who bring it at one moment, one has it.
update one_time_code set until = 0 where handle = %(handle)s and digest = %(digest)s and until > %(now)s
returning handle;

-- forget_codes
-- Codes of days that are over need not be remembered.
delete from one_time_code where day_began <= %(day_ago)s and until <= %(now)s;
