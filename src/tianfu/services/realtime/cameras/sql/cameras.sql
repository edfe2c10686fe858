-- add_camera
-- A camera that is registered now.
insert into camera (camera, kind, revision, sealed, sealed_with, place, placed, is_on, changed_at)
values (%(camera)s, %(kind)s, 1, %(sealed)s, %(sealed_with)s::smallint, %(place)s::bytea,
        case when %(place)s::bytea is not null then 1 end, true, %(now)s);

-- lock_camera
-- One camera, nobody else's to change until the transaction ends.
select kind, revision from camera where camera = %(camera)s for update;

-- camera_address
-- The sealed address of a camera that has one, nobody else's to change until the transaction ends.
select revision, sealed, sealed_with from camera where camera = %(camera)s::text and kind = 'rtsp' for update;

-- lock_binding
-- Of who binds a camera and who gives it another address one waits for the other; taken after the camera's own lock.
select pg_advisory_xact_lock(hashtextextended(%(camera)s::text, 43));

-- forget_scans_of
-- Begin the scans of every visit anew for which a camera was scanned.
delete from visit_scan
 where visit in (select visit from visit_scan where code = 'camera' and value = %(camera)s::text);

-- camera_bound
-- Whether two people bound a camera to a baby, in a visit that is not over.
select visit from visit_room where camera = %(camera)s and not is_over limit 1;

-- change_address
-- A camera at another address, or with another login.
update camera set revision = %(revision)s::int, sealed = %(sealed)s, sealed_with = %(sealed_with)s::smallint,
                  changed_at = %(now)s
 where camera = %(camera)s;

-- switch_camera
-- A camera switched on or off; its address stays sealed for its revision.
update camera set is_on = %(is_on)s, changed_at = %(now)s where camera = %(camera)s;

-- add_credential
-- Another credential of a camera that comes by itself.
insert into camera_credential (digest, camera, made_at, until)
values (%(digest)s::bytea, %(camera)s::text, %(now)s::bigint, %(until)s::bigint);

-- shorten_credentials
-- The credentials before this one are good for a while yet, or until it is used.
update camera_credential set until = least(until, %(until)s::bigint)
 where camera = %(camera)s::text and ended_at is null and digest <> %(digest)s::bytea;

-- end_credentials
-- No credential of a camera is good any more.
update camera_credential set ended_at = %(now)s::bigint where camera = %(camera)s::text and ended_at is null;

-- end_sending
-- What a camera sends by a credential has its end then, if not before: a worker ends it with its next look.
update room_connection set until = least(until, %(until)s::bigint)
 where action = 'whip-camera' and camera = %(camera)s::text and ended_at is null
   and person = 'camera-' || %(camera)s::text;

-- end_all_sending
-- Whatever sends under a camera's name has its end now, whoever opened it: a cart's connection is its nurse's.
update room_connection set until = %(now)s::bigint
 where action = 'whip-camera' and camera = %(camera)s::text and ended_at is null;

-- end_grants
-- Take back what nobody has used yet to send under a camera's name.
update room_grant set revoked_at = %(now)s::bigint
 where camera = %(camera)s::text and camera <> '' and spent_at is null and revoked_at is null;

-- cameras
-- Every camera that is registered.
select camera, kind, revision, sealed, sealed_with, is_on from camera order by camera;

-- tell_health
-- How it stands with several cameras, 0 for what is not known; one that was taken away meanwhile is passed over.
insert into camera_health (camera, state, reason, since, told_at, packet_at, pictures_per_second, group_seconds,
                           reconnects)
select told.camera, told.state, told.reason, told.since, %(now)s::bigint, nullif(told.packet_at, 0), told.pictures,
       nullif(told.group_seconds, 0), told.reconnects
  from unnest(%(cameras)s::text[], %(states)s::text[], %(reasons)s::text[], %(since)s::bigint[],
              %(packets_at)s::bigint[], %(pictures)s::float8[], %(groups)s::float8[], %(reconnects)s::int[])
       as told(camera, state, reason, since, packet_at, pictures, group_seconds, reconnects)
  join camera using (camera)
on conflict (camera) do update
   set state = excluded.state, reason = excluded.reason, since = excluded.since, told_at = excluded.told_at,
       packet_at = excluded.packet_at, pictures_per_second = excluded.pictures_per_second,
       group_seconds = excluded.group_seconds, reconnects = excluded.reconnects;

-- health
-- How it stands with every camera.
select camera, c.kind, c.is_on, h.state, h.reason, h.since, h.told_at, h.packet_at, h.pictures_per_second,
       h.group_seconds, h.reconnects
  from camera c left join camera_health h using (camera)
 order by camera;

-- credential_ends
-- Until when the latest credential of each encoder is good; of one that has none any more nothing.
select camera, max(until) from camera_credential where ended_at is null group by camera;
