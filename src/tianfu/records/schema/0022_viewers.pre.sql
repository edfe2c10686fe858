-- Who looks at a live visit from home, as the doors know him, and how well the picture arrives.  Only
-- services/realtime reads and writes it; rule: docs/rules/newborn-watching.md

-- `participant` is the opaque name on the media server; `person` the id of an account.  `heard_at` is when his page
-- last showed its watermark; `faults` counts how often the watermark was missing.
create table visit_viewer (
  visit       text     not null collate "C",
  participant text     not null collate "C",
  person      text     not null collate "C",
  role        text     not null collate "C",
  part        text     not null collate "C",
  since       bigint   not null,
  heard_at    bigint   not null,
  is_away     boolean  not null default false,
  faults      smallint not null default 0,
  primary key (visit, participant)
);
create index visit_viewer_here on visit_viewer (heard_at) where not is_away;

-- One row every few seconds of each viewer: numbers of the connection, nothing of what is seen.
create table visit_quality (
  visit       text     not null collate "C",
  participant text     not null collate "C",
  at          bigint   not null,
  join_ms     integer  not null,
  freezes     integer  not null,
  frozen_ms   integer  not null,
  lost_permille smallint not null,
  rtt_ms      integer  not null,
  shows       text     not null collate "C",
  primary key (visit, participant, at)
);
create index visit_quality_at on visit_quality (at);

-- Who may speak in one visit as an interpreter: a relative by invitation whom a guardian asks for and a nurse lets speak.
create table visit_interpreter (
  visit     text   not null collate "C",
  person    text   not null collate "C",
  asked_at  bigint not null,
  agreed_by text   collate "C",
  agreed_at bigint,
  primary key (visit, person)
);

grant select, insert, update on visit_viewer, visit_interpreter to tianfu_app;
grant select, insert, delete on visit_quality to tianfu_app;
