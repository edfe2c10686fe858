-- Whoever was invited to look at a baby may say no, and think again while the invitation is open.
-- Rule: docs/rules/newborn-booking.md
alter table newborn_invitation add column declined_at bigint;
