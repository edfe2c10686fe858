-- Cameras of newborn wards: from where pictures are pulled, and how it stands with each.  Which bed a camera hangs at is
-- in the record (Device.location).  Only services/realtime/cameras reads and writes these tables.

-- `camera` is the id of the Device.  `sealed` is the address with its login, sealed for this row and `revision`, which
-- counts its changes, so that who pulls notices.  A cart comes by itself and has no address.
create table camera (
  camera      text     primary key collate "C",
  kind        text     not null collate "C" check (kind in ('rtsp', 'cart')),
  revision    int      not null,
  sealed      bytea,
  sealed_with smallint,
  is_on       boolean  not null,
  changed_at  bigint   not null,
  check ((kind = 'rtsp') = (sealed is not null) and (sealed is null) = (sealed_with is null))
);

-- How it stands: written by who pulls, each few seconds; a row that is old says nothing.
create table camera_health (
  camera              text   primary key collate "C" references camera on delete cascade,
  state               text   not null collate "C" check (state in ('healthy', 'connecting', 'away', 'refused', 'off')),
  reason              text   not null collate "C",
  since               bigint not null,
  told_at             bigint not null,
  packet_at           bigint,
  pictures_per_second float8 not null,
  group_seconds       float8,
  reconnects          int    not null
);
grant select, insert, update, delete on camera, camera_health to tianfu_app;
