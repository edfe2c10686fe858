-- Why the ward broke a visit off of which something was seen: its place stays counted, and the report tells the reason.
-- Rule: docs/rules/newborn-booking.md
alter table newborn_place add column broken_off text collate "C";
