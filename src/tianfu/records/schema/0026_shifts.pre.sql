-- Until when a connection may stand at the longest; null where nobody said.  A cart's is the end of its shift:
-- docs/rules/live-rooms.md
alter table room_connection add column until bigint;
create index room_connection_until on room_connection (until) where ended_at is null and until is not null;
