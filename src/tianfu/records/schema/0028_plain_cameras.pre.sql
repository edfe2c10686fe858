-- Encoders that come by themselves and can sign nothing: they show a credential (RFC 9725, section 4.7).
-- Only services/realtime reads and writes it; rule: docs/rules/live-rooms.md
alter table camera drop constraint camera_kind_check;
alter table camera add constraint camera_kind_check check (kind in ('rtsp', 'cart', 'whip'));

-- Of a credential we keep the digest.  It ends by time, when it is taken back, or when the next one is used first.
create table camera_credential (
  digest   bytea  primary key,
  camera   text   not null collate "C" references camera on delete cascade,
  made_at  bigint not null,
  until    bigint not null,
  used_at  bigint,
  ended_at bigint
);
create index camera_credential_camera on camera_credential (camera) where ended_at is null;
grant select, insert, update, delete on camera_credential to tianfu_app;
