-- take_keeping
-- Take the keeper's place, or keep it, until so many microseconds from now; no row if another holds it.
insert into visit_keeper as held (place, keeper, until)
values (1, %(keeper)s::text, (extract(epoch from clock_timestamp()) * 1000000)::bigint + %(lasts)s::bigint)
on conflict (place) do update set keeper = excluded.keeper, until = excluded.until
 where held.keeper = excluded.keeper
    or held.until < (extract(epoch from clock_timestamp()) * 1000000)::bigint
returning keeper;

-- leave_keeping
-- Give the keeper's place up, if one holds it.
update visit_keeper set until = 0 where place = 1 and keeper = %(keeper)s::text;

-- rooms_at_work
-- The visits at the bed, and those of which the record does not know all.
select visit, ward, camera, nurse, state::text, is_over, was_seen, version, written, lease_until, heard_at, begun_at,
       changed_at
  from visit_room
 where not is_over or written < version
 order by visit;

-- room_of
-- One visit at the bed, or that was there.
select visit, ward, camera, nurse, state::text, is_over, was_seen, version, written, lease_until, heard_at, begun_at,
       changed_at
  from visit_room
 where visit = %(visit)s::text;

-- room_locked
-- The same, for whoever is about to change it.
select visit, ward, camera, nurse, state::text, is_over, was_seen, version, written, lease_until, heard_at, begun_at,
       changed_at
  from visit_room
 where visit = %(visit)s::text
   for update;

-- wait_at_most
-- Until the transaction ends wait for no lock longer than so many milliseconds (0 would be for ever).
select set_config('lock_timeout', %(milliseconds)s::text, true);

-- rooms_of_ward
-- The visits of a ward that came to the bed since an instant and before another, the first of them first.
select visit, ward, camera, nurse, state::text, is_over, was_seen, version, written, lease_until, heard_at, begun_at,
       changed_at
  from visit_room
 where ward = %(ward)s::text and begun_at >= %(since)s::bigint and begun_at < %(until)s::bigint
 order by begun_at, visit
 limit %(limit)s::integer;

-- lock_beginning
-- One at a time comes to a bed of a ward: whose visits are there is looked at behind this.
select pg_advisory_xact_lock(hashtextextended(%(ward)s::text, 42));

-- rooms_at_bed
-- The visits of a ward that are at the bed now.
select visit, ward, camera, nurse, state::text, is_over, was_seen, version, written, lease_until, heard_at, begun_at,
       changed_at
  from visit_room
 where ward = %(ward)s::text and not is_over
 order by begun_at, visit;

-- begin_room
-- A visit comes to the bed.  Whether it did: once it was there, it does not come again.
insert into visit_room (visit, ward, camera, nurse, state, heard_at, begun_at, changed_at)
values (%(visit)s::text, %(ward)s::text, %(camera)s::text, %(nurse)s::text, %(state)s::text::jsonb,
        %(at)s::bigint, %(at)s::bigint, %(at)s::bigint)
on conflict (visit) do nothing;

-- change_room
-- How a visit stands now.
update visit_room
   set state = %(state)s::text::jsonb, camera = %(camera)s::text, is_over = %(is_over)s::boolean,
       was_seen = was_seen or %(is_seen)s::boolean, version = version + 1, changed_at = %(at)s::bigint
 where visit = %(visit)s::text;

-- written_room
-- The record knows a version of a visit.
update visit_room set written = greatest(written, %(version)s::integer) where visit = %(visit)s::text;

-- leased_room
-- Until when a room's lease lasts, and no longer.
update visit_room set lease_until = %(until)s::bigint where visit = %(visit)s::text;

-- nurse_heard
-- Somebody is at the tablet of these visits; also by a clock that was set back, so that the keeper sees a new sign.
update visit_room set heard_at = %(at)s::bigint
 where visit = any(%(visits)s::text[]) and not is_over;

-- add_scan
-- A code was scanned at the bed.
insert into visit_scan (visit, code, value, person, at)
values (%(visit)s::text, %(code)s::text, %(value)s::text, %(person)s::text, %(at)s::bigint)
on conflict (visit, code, value) do nothing;

-- scans_of
-- What was scanned for a visit, the first of it first.
select code, value, person, at from visit_scan where visit = %(visit)s::text order by at, code;

-- forget_scans
-- Begin the scans of a visit anew.
delete from visit_scan where visit = %(visit)s::text;

-- forget_scans_with
-- Begin the scans of every visit anew for which this was scanned.
delete from visit_scan
 where visit in (select visit from visit_scan where code = %(code)s::text and value = %(value)s::text);

-- hold_ward
-- Nothing is shown in a ward.
insert into ward_hold (ward, person, held_at) values (%(ward)s::text, %(person)s::text, %(at)s::bigint)
on conflict (ward) do nothing;

-- release_ward
-- Pictures of a ward may be opened again.
delete from ward_hold where ward = %(ward)s::text;

-- held_wards
-- The wards in which nothing is shown.
select ward, held_at from ward_hold;

-- begin_view
-- Somebody sees a room's picture from now on.
insert into visit_view (visit, participant, since)
values (%(visit)s::text, %(participant)s::text, %(since)s::bigint)
on conflict (visit, participant, since) do nothing;

-- end_view
-- He sees it no more.
update visit_view set until = greatest(since, %(until)s::bigint)
 where visit = %(visit)s::text and participant = %(participant)s::text and since = %(since)s::bigint and until is null;

-- end_views_unheard
-- Views of which nobody can hear the end any more end when the lease of their room did, or at an instant before that.
update visit_view as view
   set until = greatest(view.since, least(room.lease_until, %(at)s::bigint))
  from visit_room as room
 where room.visit = view.visit and view.until is null and view.since < %(before)s::bigint;

-- views_untold
-- Ended views of which the trail does not know yet.
select visit, participant, since, until from visit_view
 where not told and until is not null
 order by since
 limit %(limit)s::integer;

-- told_view
-- The trail knows of a view.
update visit_view set told = true
 where visit = %(visit)s::text and participant = %(participant)s::text and since = %(since)s::bigint;

-- camera_is
-- A camera is there, or not.
insert into visit_camera as known (camera, is_here) values (%(camera)s::text, %(is_here)s::boolean)
on conflict (camera) do update set is_here = excluded.is_here where known.is_here <> excluded.is_here;

-- no_camera
-- Of no camera is known that it is there.
update visit_camera set is_here = false where is_here;

-- camera_here
-- A camera, if it is there.
select camera from visit_camera where camera = %(camera)s::text and is_here;

-- lock_camera
-- Of who binds a camera and who begins to send under its name one waits for the other.
select pg_advisory_xact_lock(hashtextextended(%(camera)s::text, 43));

-- camera_scanned
-- Whether this camera still stands among what was scanned for a visit.
select visit from visit_scan where visit = %(visit)s::text and code = 'camera' and value = %(camera)s::text;
