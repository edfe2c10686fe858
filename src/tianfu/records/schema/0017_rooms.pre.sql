-- Who may come into a live room, and who is connected.  Only services/realtime reads and writes these tables; why it is
-- shaped so: docs/rules/live-rooms.md .  No name and no picture lies here, and of every secret only its SHA-256.

-- A grant is good once and for a minute; a row that is over stays a while, so that a second use is known for what it is.
-- `person` is an account or a program; `device` is the thumbprint of a public key.
create table room_grant (
  digest     bytea  primary key,
  visit      text   not null collate "C",
  person     text   not null collate "C",
  until      bigint not null,
  spent_at   bigint,
  revoked_at bigint
);
create index room_grant_visit on room_grant (visit) where spent_at is null and revoked_at is null;
create index room_grant_person on room_grant (person) where spent_at is null and revoked_at is null;
create index room_grant_until on room_grant (until);

-- A connection that a grant opened.  `digest` is of the secret in its address, `tag` names its state for PATCH.
-- `revoked_at` is set at once, `ended_at` when the media server let go: until then the end is asked for again.
create table room_connection (
  digest      bytea   primary key,
  visit       text    not null collate "C",
  person      text    not null collate "C",
  role        text    not null collate "C",
  participant text    not null collate "C",
  action      text    not null collate "C" check (action in ('whip-camera', 'whep-picture', 'whep-voice')),
  camera      text    not null collate "C",
  device      text    not null collate "C",
  tag         text    not null collate "C",
  is_offered  boolean not null,
  since       bigint  not null,
  revoked_at  bigint,
  ended_at    bigint,
  check ((action = 'whip-camera') = (camera <> ''))
);
create index room_connection_visit on room_connection (visit, participant) where ended_at is null;
create index room_connection_person on room_connection (person) where ended_at is null;
create index room_connection_camera on room_connection (camera) where ended_at is null;
create index room_connection_ended on room_connection (ended_at) where ended_at is not null;

grant select, insert, update, delete on room_grant, room_connection to tianfu_app;
