-- come_in
-- Somebody comes in, for the first time or again.
insert into visit_viewer (visit, participant, person, role, part, device, since, heard_at)
values (%(visit)s::text, %(participant)s::text, %(person)s::text, %(role)s::text, %(part)s::text, %(device)s::text,
        %(now)s::bigint, %(now)s::bigint)
on conflict (visit, participant) do update
   set heard_at = excluded.heard_at, part = excluded.part, role = excluded.role, device = excluded.device,
       is_away = false, level = 'full';

-- viewer
-- One viewer of a visit, also one who is away.
select visit, participant, person, role, part, device, since, heard_at, is_away, faults, level
  from visit_viewer
 where visit = %(visit)s::text and participant = %(participant)s::text;

-- send
-- How much of the picture he is sent from now on.
update visit_viewer set level = %(level)s::text
 where visit = %(visit)s::text and participant = %(participant)s::text and level <> %(level)s::text;

-- hear
-- His page showed its watermark; no row if he is away.
update visit_viewer set heard_at = %(now)s::bigint
 where visit = %(visit)s::text and participant = %(participant)s::text and not is_away
returning participant;

-- go
-- He is away; with a fault, because his page did not show the watermark.  No row if he was away already.
update visit_viewer set is_away = true, faults = faults + %(fault)s::int
 where visit = %(visit)s::text and participant = %(participant)s::text and not is_away
   and heard_at <= %(unheard)s::bigint
returning person;

-- go_everywhere
-- Somebody is away from one visit, or with null from all.
update visit_viewer set is_away = true
 where person = %(person)s::text and not is_away and (%(visit)s::text is null or visit = %(visit)s::text);

-- viewers_here
-- Who is there, whoever was not heard of for longest first.
select visit, participant, person, role, part, device, since, heard_at, is_away, faults, level
  from visit_viewer
 where not is_away
 order by heard_at
 limit %(limit)s::bigint;

-- add_quality
-- How well the picture arrived in the last seconds.
insert into visit_quality (visit, participant, at, join_ms, freezes, frozen_ms, lost_permille, rtt_ms, delay_ms, shows)
values (%(visit)s::text, %(participant)s::text, %(at)s::bigint, %(join_ms)s::int, %(freezes)s::int, %(frozen_ms)s::int,
        %(lost_permille)s::int, %(rtt_ms)s::int, %(delay_ms)s::int, %(shows)s::text)
on conflict do nothing;

-- quality_of
-- The numbers of a visit, the first of them first.
select participant, at, join_ms, freezes, frozen_ms, lost_permille, rtt_ms, shows, delay_ms
  from visit_quality
 where visit = %(visit)s::text
 order by at
 limit %(limit)s::bigint;

-- forget_quality
-- Numbers from before an instant.
delete from visit_quality where at < %(before)s::bigint;

-- ask_interpreter
-- A guardian asks that somebody may speak in a visit as an interpreter; asked again, nothing changes.
insert into visit_interpreter (visit, person, asked_at)
values (%(visit)s::text, %(person)s::text, %(now)s::bigint)
on conflict do nothing;

-- agree_interpreter
-- A nurse lets him speak; no row if nobody asked.
update visit_interpreter set agreed_by = %(by)s::text, agreed_at = %(now)s::bigint
 where visit = %(visit)s::text and person = %(person)s::text
returning person;

-- disagree_interpreter
-- A nurse takes back that he may speak; no row if he might not.
update visit_interpreter set agreed_by = null, agreed_at = null
 where visit = %(visit)s::text and person = %(person)s::text and agreed_by is not null
returning person;

-- interpreters_of
-- Whom a guardian asked for, and whether a nurse agreed.
select person, agreed_by is not null from visit_interpreter where visit = %(visit)s::text order by asked_at;
