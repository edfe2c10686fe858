-- Under which camera's name a grant sends, empty for who looks: a camera that is switched off ends what is open of it.
-- Only services/realtime reads and writes it; rule: docs/rules/live-rooms.md
alter table room_grant add column camera text not null collate "C" default '';
create index room_grant_camera on room_grant (camera) where camera <> '' and spent_at is null and revoked_at is null;
