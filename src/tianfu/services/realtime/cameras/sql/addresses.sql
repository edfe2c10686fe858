-- lock_places
-- Until the transaction ends nobody else gives a camera an address.
select pg_advisory_xact_lock(hashtextextended('camera-place', 34));

-- clear_old_places
-- A digest of another revision's address says nothing any more: a program that knows of none gave the new address.
update camera set place = null, placed = null where placed is distinct from revision and place is not null;

-- places
-- Every camera in use that has an address, but for one; its digest may be missing.
select camera, revision, sealed, sealed_with, place
  from camera
 where is_on and kind = 'rtsp' and camera <> %(besides)s::text
 order by camera;

-- put_place
-- The digest of a camera's address.
update camera set place = %(place)s::bytea, placed = revision
 where camera = %(camera)s::text and revision = %(revision)s::int;

-- has_place
-- Whether a camera's digest is that of its address.
select 1 from camera where camera = %(camera)s::text and revision = %(revision)s::int and placed = revision;
