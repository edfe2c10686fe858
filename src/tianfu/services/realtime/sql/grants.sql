-- add_grant
-- Keep the digest of a grant, whose it is, and under which camera's name it sends, or an empty one.
insert into room_grant (digest, visit, camera, person, until)
values (%(digest)s, %(visit)s, %(camera)s, %(person)s, %(until)s);

-- spend_grant
-- Use a grant up; no row if there is none, if it was used, or if it was taken back.
update room_grant set spent_at = %(now)s
 where digest = %(digest)s and spent_at is null and revoked_at is null
returning digest;

-- grant_state
-- Whether a grant that cannot be used was used, or taken back.
select spent_at is not null, revoked_at is not null from room_grant where digest = %(digest)s;

-- revoke_grants
-- Take back what nobody has used yet: of a visit, of a person, or of a person in a visit.
update room_grant set revoked_at = %(now)s
 where spent_at is null and revoked_at is null
   and (%(visit)s::text is null or visit = %(visit)s) and (%(person)s::text is null or person = %(person)s);

-- add_connection
-- Somebody comes in by a grant that was used up just now.
insert into room_connection (digest, visit, person, role, participant, action, camera, device, tag, is_offered, since,
                             until)
values (%(digest)s, %(visit)s, %(person)s, %(role)s, %(participant)s, %(action)s, %(camera)s, %(device)s, %(tag)s,
        %(is_offered)s, %(now)s, %(until)s::bigint);

-- replace_connections
-- Whoever comes again, or another device under a camera's name, takes the place of the connection before; which it was.
update room_connection set ended_at = %(now)s
 where ended_at is null and digest <> %(digest)s
   and (action = 'whip-camera' and camera = %(camera)s and %(camera)s <> ''
        or action <> 'whip-camera' and %(camera)s = '' and visit = %(visit)s and participant = %(participant)s)
returning digest;

-- connection
-- A connection by the secret in its address, while it lasts.
select visit, person, role, participant, action, camera, device, tag, is_offered, revoked_at is not null
  from room_connection where digest = %(digest)s and ended_at is null;

-- tag_connection
-- A connection's new state; no row if another request changed it meanwhile.
update room_connection set tag = %(tag)s
 where digest = %(digest)s and tag = %(before)s and ended_at is null returning digest;

-- answer_connection
-- Our offer is answered; no row if it was before.
update room_connection set is_offered = false where digest = %(digest)s and is_offered and ended_at is null
returning digest;

-- end_connection
-- A connection is over; no row if it was over before.
update room_connection set ended_at = %(now)s where digest = %(digest)s and ended_at is null returning digest;

-- revoke_connections
-- Mark what must end: of a visit, of a person, or of a person in a visit.
update room_connection set revoked_at = coalesce(revoked_at, %(now)s)
 where ended_at is null
   and (%(visit)s::text is null or visit = %(visit)s) and (%(person)s::text is null or person = %(person)s)
returning digest, visit, participant, action, camera;

-- connections_to_end
-- What was taken back and may still stand, because the media server was away.
select digest, visit, participant, action, camera from room_connection
 where ended_at is null and revoked_at is not null;

-- cameras_over
-- Cameras that still send although their time is over.
select digest, visit, person, role, participant, action, camera, device, tag, is_offered, revoked_at is not null
  from room_connection
 where ended_at is null and revoked_at is null and action = 'whip-camera' and until <= %(now)s;

-- forget_grants
-- Rows of which nothing follows any more.
delete from room_grant where until < %(before)s;

-- revoke_old_connections
-- Mark what has stood for so long that it must begin anew: nothing lasts for ever that nobody looks after.
update room_connection set revoked_at = %(now)s where ended_at is null and revoked_at is null and since < %(oldest)s;

-- forget_connections
-- Connections that ended long ago.
delete from room_connection where ended_at < %(before)s;

-- bound_to_another
-- Whether a camera is bound in a visit at the bed, and another device than this one sent under its name last.
select visit from visit_room
 where camera = %(camera)s and not is_over
   and %(device)s::text is distinct from (select device from room_connection
                                           where action = 'whip-camera' and camera = %(camera)s
                                           order by number desc limit 1)
 limit 1;

-- camera_standing
-- Whether a camera is on, and so until the transaction ends; no row if it is registered nowhere.
select is_on from camera where camera = %(camera)s for share;

-- camera_of_credential
-- The camera of a credential, which nobody else changes until the transaction ends.
select camera from camera
 where camera = (select camera from camera_credential where digest = %(digest)s::bytea) for share;

-- use_credential
-- Whose credential is shown, and until when it is good; those before it are good no more.  No row if it is none.
with shown as (
  update camera_credential as c set used_at = %(now)s::bigint
    from camera
   where c.digest = %(digest)s::bytea and c.ended_at is null and c.until > %(now)s::bigint
     and camera.camera = c.camera and camera.is_on and camera.kind = 'whip'
  returning c.camera, c.until, c.made_at
), older as (
  update camera_credential as c set ended_at = %(now)s::bigint
    from shown where c.camera = shown.camera and c.ended_at is null and c.made_at < shown.made_at
)
select camera, until from shown;

-- credential_of
-- Whether a credential is one of this camera, and good.
select camera from camera_credential
 where digest = %(digest)s::bytea and camera = %(camera)s::text and ended_at is null and until > %(now)s::bigint;

-- lock_camera
-- Of who binds a camera and who begins to send under its name one waits for the other.
select pg_advisory_xact_lock(hashtextextended(%(camera)s::text, 43));

-- forget_scans_of_another
-- Begin the scans of every visit anew for which a camera was scanned under whose name another device sent last.
delete from visit_scan
 where visit in (select visit from visit_scan where code = 'camera' and value = %(camera)s::text)
   and %(device)s::text is distinct from (select device from room_connection
                                           where action = 'whip-camera' and camera = %(camera)s::text
                                           order by number desc limit 1);
