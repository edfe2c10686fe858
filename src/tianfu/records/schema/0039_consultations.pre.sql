-- Which remote consultations of newborns are not settled yet: what time does to them is looked at by name, and nothing
-- is read of a record where there is none.  Only services/booking reads and writes it; rule:
-- docs/rules/newborn-consultations.md
create table newborn_consultation (
  visit text   primary key collate "C",
  until bigint not null
);

grant select, insert, delete on newborn_consultation to tianfu_app;
