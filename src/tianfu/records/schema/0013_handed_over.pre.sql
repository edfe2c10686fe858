-- A password that somebody else handed over, and that its owner has not replaced by one of his own: until he has, his
-- sessions open nothing but the page to do so.  Rule: docs/rules/sign-in.md
alter table credential add column handed_over boolean not null default false;
