-- When a family was told that what it had booked was given up because its baby left the ward; each family is told once.
-- Rule: docs/rules/newborn-booking.md
alter table newborn_place add column told_gone bigint;
create index newborn_place_gone on newborn_place (freed_reason, freed_at) where freed_at is not null;
