-- lock_ward
-- One at a time decides about the places of a ward.
select pg_advisory_xact_lock(hashtextextended(%(ward)s::text, 19));

-- lock_asking
-- One at a time asks somebody to a baby: how many it is asked of is counted behind this.
select pg_advisory_xact_lock(hashtextextended(%(baby)s::text, 41));

-- policies_of
-- What a ward has set, oldest first.
select said from newborn_policy where ward = %(ward)s order by number;

-- wards_that_set
-- The wards that have set anything.
select distinct ward from newborn_policy order by ward;

-- add_policy
-- What a ward sets, after everything that it set before.
insert into newborn_policy (ward, number, from_day, said, by, at)
select %(ward)s, coalesce(max(number), 0) + 1, %(from_day)s::text::date, %(said)s, %(by)s, %(now)s
  from newborn_policy where ward = %(ward)s;

-- places_between
-- The places of a ward that are taken, those that booked first before others.
select place, baby, related, starts, ends, is_confirmed, by_staff, waited_since from newborn_place
 where ward = %(ward)s and freed_at is null and starts >= %(since)s and starts < %(until)s
   and (is_confirmed or held_at > %(held_since)s)
 order by held_at, baby, place;

-- places_of_baby
-- The places of a baby that are taken.
select place, baby, related, starts, ends, is_confirmed, by_staff, waited_since from newborn_place
 where baby = %(baby)s and freed_at is null and ends > %(since)s and is_confirmed
 order by starts;

-- place_named
-- One place that is taken; whose ward it is.
select place, baby, related, starts, ends, is_confirmed, by_staff, waited_since, ward from newborn_place
 where place = %(place)s and freed_at is null;

-- places_around
-- Confirmed places that begin soon or ended lately; whose ward each is.
select place, baby, related, starts, ends, is_confirmed, by_staff, waited_since, ward from newborn_place
 where freed_at is null and is_confirmed and starts <= %(until)s and ends > %(since)s
 order by starts, place;

-- places_unsettled
-- Places that were held and never confirmed, of which nobody knows yet whether they left a visit.
select place, held_at from newborn_place
 where not is_confirmed and settled_at is null and held_at <= %(held_since)s
 order by held_at limit %(limit)s;

-- settle_place
-- No visit is left of a place that was never confirmed.
update newborn_place
   set settled_at = %(now)s, freed_at = coalesce(freed_at, %(now)s), freed_by = coalesce(freed_by, 'ward'),
       freed_reason = coalesce(freed_reason, 'not-confirmed')
 where place = %(place)s and not is_confirmed;

-- forget_held
-- Places that were held for one baby and slot, and never confirmed.
update newborn_place set freed_at = %(now)s, freed_by = 'ward', freed_reason = 'not-confirmed'
 where baby = %(baby)s and starts = %(starts)s and freed_at is null and not is_confirmed and held_at <= %(held_since)s;

-- hold_place
-- Hold a place while its Appointment is written.
insert into newborn_place (place, ward, baby, related, starts, ends, held_at, by_staff, waited_since)
values (%(place)s, %(ward)s, %(baby)s, %(related)s, %(starts)s, %(ends)s, %(now)s, %(by_staff)s,
        %(waited_since)s::bigint);

-- lock_ward_of
-- The same as lock_ward, by one of the ward's places.
select pg_advisory_xact_lock(hashtextextended(ward, 19)) from newborn_place where place = %(place)s;

-- confirm_place
-- The Appointment is written; no row for a place whose hold has lapsed, as others may have it by now.
update newborn_place set is_confirmed = true
 where place = %(place)s and freed_at is null and (is_confirmed or held_at > %(held_since)s)
returning baby;

-- free_place
-- Somebody gave a place up.
update newborn_place set freed_at = %(now)s, freed_by = %(by)s, freed_reason = %(reason)s
 where place = %(place)s and freed_at is null
returning ward, starts;

-- break_off_place
-- The ward broke off what was seen: the place stays taken.
update newborn_place set broken_off = %(reason)s
 where place = %(place)s and freed_at is null and broken_off is null;

-- wish_for
-- A family waits for a slot; who waits already goes on waiting.
insert into newborn_wish (wish, ward, baby, related, starts, ends, since)
values (%(wish)s, %(ward)s, %(baby)s, %(related)s, %(starts)s, %(ends)s, %(now)s)
on conflict do nothing;

-- wishes_for
-- Who waits for a slot.
select wish, baby, related, since, starts, ends, ward from newborn_wish
 where ward = %(ward)s and starts = %(starts)s and ended_at is null;

-- slots_waited_for
-- Slots to come for which somebody waits, the next of them first.
select distinct ward, starts from newborn_wish
 where ended_at is null and starts > %(now)s order by starts, ward limit %(limit)s;

-- wishes_of_baby
-- For what a family waits.
select wish, baby, related, since, starts, ends, ward from newborn_wish
 where baby = %(baby)s and ended_at is null and starts > %(now)s order by starts;

-- end_wishes_met
-- Who has the place for which he waited waits no more.
update newborn_wish as wish set ended_at = %(now)s, outcome = 'moved-up'
  from newborn_place as place
 where place.place = any(%(places)s::text[]) and place.waited_since is not null and wish.baby = place.baby
   and wish.starts = place.starts and wish.ended_at is null;

-- end_wish
-- A family waits no more.
update newborn_wish set ended_at = %(now)s, outcome = %(outcome)s
 where wish = %(wish)s and ended_at is null and baby = any(%(babies)s::text[])
returning wish;

-- waited_between
-- For how many slots each baby of a ward waited, and how often it moved up.
select baby, count(*), count(*) filter (where outcome = 'moved-up') from newborn_wish
 where ward = %(ward)s and starts >= %(since)s and starts < %(until)s group by baby;

-- fates_between
-- What became of the places of a ward, one row each.
select baby, starts, ends, by_staff, freed_by, freed_reason, broken_off from newborn_place
 where ward = %(ward)s and starts >= %(since)s and starts < %(until)s
   and (is_confirmed or freed_reason is distinct from 'not-confirmed');

-- due_day
-- Confirmed places whose families are to be told a day before; taken so that no other worker tells them too.
update newborn_place set told_day = %(now)s
 where place in (select place from newborn_place
                  where freed_at is null and is_confirmed and told_day is null and starts > %(soon)s
                    and starts <= %(until)s limit %(limit)s for update skip locked)
returning place, baby, related, starts, ends, is_confirmed, by_staff, waited_since, ward;

-- due_soon
-- The same shortly before the start.
update newborn_place set told_soon = %(now)s
 where place in (select place from newborn_place
                  where freed_at is null and is_confirmed and told_soon is null and starts > %(now)s
                    and starts <= %(until)s limit %(limit)s for update skip locked)
returning place, baby, related, starts, ends, is_confirmed, by_staff, waited_since, ward;

-- due_gone
-- Places that were given up for one reason before their time, whose families are to be told; a family is told once.
update newborn_place set told_gone = %(now)s
 where place in (select place from newborn_place as lost
                  where freed_reason = %(reason)s and is_confirmed and told_gone is null and starts > freed_at
                    and freed_at > %(since)s and freed_at <= %(until)s
                    and not exists (select 1 from newborn_place as told
                                     where told.baby = lost.baby and told.related = lost.related
                                       and told.told_gone > %(since)s)
                  limit %(limit)s for update skip locked)
returning place, baby, related, starts, ends, is_confirmed, by_staff, waited_since, ward;

-- places_soon
-- How many confirmed places of these guardians begin within a span.
select count(*) from newborn_place
 where related = any(%(related)s::text[]) and freed_at is null and is_confirmed
   and starts > %(now)s and starts <= %(until)s;

-- add_consultation
-- A remote consultation that is about to be asked for.
insert into newborn_consultation (visit, until) values (%(visit)s, %(until)s) on conflict do nothing;

-- consultations
-- Those that are not settled.
select visit, until from newborn_consultation order by until, visit;

-- forget_consultations
-- What is settled is looked at no more.
delete from newborn_consultation where visit = any(%(visits)s::text[]);
