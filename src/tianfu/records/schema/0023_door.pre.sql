-- The station at a ward's door, for people without phones: which devices are stations, and codes that start one visit.
-- Only services/booking reads and writes these; rule: docs/rules/newborn-diary.md

-- A device that a nurse made a station; `digest` is of the secret in its cookie.  While a visit is on its screen,
-- `visit` says which; afterwards nothing of it is left.
create table newborn_station (
  digest      bytea   primary key,
  ward        text    not null collate "C",
  by          text    not null collate "C",
  opened_at   bigint  not null,
  until       bigint  not null,
  visit       text    collate "C",
  visit_until bigint,
  may_talk    boolean,
  check ((visit is null) = (visit_until is null) and (visit is null) = (may_talk is null))
);

-- A code that a nurse gave after she saw a paper; used once, at a station of her ward.  `digest` is keyed.
create table newborn_door_code (
  digest      bytea   primary key,
  ward        text    not null collate "C",
  visit       text    not null collate "C",
  visit_until bigint  not null,
  may_talk    boolean not null,
  seen        text    not null collate "C",
  by          text    not null collate "C",
  made_at     bigint  not null,
  until       bigint  not null,
  used_at     bigint
);
create index newborn_door_code_visit on newborn_door_code (visit);

grant select, insert, update, delete on newborn_station, newborn_door_code to tianfu_app;
