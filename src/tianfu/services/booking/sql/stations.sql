-- add_station
-- A device becomes a station of a ward.
insert into newborn_station (digest, ward, by, opened_at, until)
values (%(digest)s, %(ward)s, %(by)s, %(now)s, %(until)s);

-- station
-- A station that is open, with the visit on its screen if its slot lasts.
select ward, until,
       case when visit_until > %(now)s then visit end,
       case when visit_until > %(now)s then visit_until end,
       case when visit_until > %(now)s then may_talk end
  from newborn_station where digest = %(digest)s and until > %(now)s;

-- take_back_codes
-- A visit has one code at a time.
delete from newborn_door_code where visit = %(visit)s and used_at is null;

-- add_code
-- A nurse saw a paper and gives a code.
insert into newborn_door_code (digest, ward, visit, visit_until, may_talk, seen, by, made_at, until)
values (%(digest)s, %(ward)s, %(visit)s, %(visit_until)s, %(may_talk)s, %(seen)s, %(by)s, %(now)s, %(until)s);

-- use_code
-- A code is used once: of several who type it at one moment, one has it.
update newborn_door_code set used_at = %(now)s
 where digest = %(digest)s and ward = %(ward)s and used_at is null and until > %(now)s and visit_until > %(now)s
returning visit, visit_until, may_talk;

-- show_visit
-- A visit comes to a station's screen.
update newborn_station set visit = %(visit)s, visit_until = %(visit_until)s, may_talk = %(may_talk)s
 where digest = %(digest)s and until > %(now)s
returning ward;

-- take_from_others
-- A visit is on one station's screen at a time.
update newborn_station set visit = null, visit_until = null, may_talk = null
 where visit = %(visit)s and digest <> %(digest)s;

-- forget_visit
-- Nothing of a visit stays at a station.
update newborn_station set visit = null, visit_until = null, may_talk = null where digest = %(digest)s;

-- forget_over
-- What is over says nothing any more.
delete from newborn_door_code where visit_until <= %(now)s or (used_at is null and until <= %(now)s);

-- forget_visits_over
-- A slot that ended leaves nothing at a station.
update newborn_station set visit = null, visit_until = null, may_talk = null where visit_until <= %(now)s;

-- close_station
-- A device is a station no longer.
delete from newborn_station where digest = %(digest)s or until <= %(now)s;
