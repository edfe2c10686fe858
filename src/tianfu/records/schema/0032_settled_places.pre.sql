-- A place that was held and never confirmed may have left an Appointment behind, written by who died before he confirmed
-- it: until somebody has seen to that, the place is not settled.  Rule: docs/rules/newborn-booking.md
alter table newborn_place add column settled_at bigint;
create index newborn_place_unsettled on newborn_place (held_at) where not is_confirmed and settled_at is null;
