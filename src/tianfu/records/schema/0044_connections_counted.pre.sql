-- In which order connections were opened, whatever the clock said: which device sent last under a camera's name is asked of it.
-- Rows from before are counted by the clock, and what still stands after what has ended.  Rule: docs/rules/live-rooms.md
alter table room_connection add column number bigint;
update room_connection as one
   set number = counted.number
  from (select digest, row_number() over (order by ended_at is null, since) as number from room_connection) as counted
 where counted.digest = one.digest;
alter table room_connection alter column number set not null;
alter table room_connection alter column number add generated always as identity;
select setval(pg_get_serial_sequence('room_connection', 'number'),
              (select coalesce(max(number), 0) + 1 from room_connection), false);
