-- What of live visits is no record: who keeps them, how each stands at the bed, scans under way, who saw what, and
-- which wards are held.  Only services/realtime reads and writes it; rule: docs/rules/newborn-record.md

-- One keeper for an installation, by the database's own clock; whoever finds the place lapsed takes it.
create table visit_keeper (
  place  smallint primary key check (place = 1),
  keeper text     not null collate "C",
  until  bigint   not null
);

-- A visit at the bed.  `state` is what the app's rules know of it, as JSON; `version` grows with each change of it, and
-- `written` is the version that stands in the record.  `lease_until` and `heard_at` are instants.
create table visit_room (
  visit       text     primary key collate "C",
  ward        text     not null collate "C",
  camera      text     not null collate "C",
  nurse       text     not null collate "C",
  state       jsonb    not null,
  is_over     boolean  not null default false,
  was_seen    boolean  not null default false,
  version     integer  not null default 1,
  written     integer  not null default 0,
  lease_until bigint   not null default 0,
  heard_at    bigint   not null,
  begun_at    bigint   not null,
  changed_at  bigint   not null
);
create index visit_room_open on visit_room (visit) where not is_over or written < version;
create index visit_room_ward on visit_room (ward, begun_at);

-- A wristband's number stands here as a keyed digest only.
create table visit_scan (
  visit  text   not null collate "C",
  code   text   not null collate "C",
  value  text   not null collate "C",
  person text   not null collate "C",
  at     bigint not null,
  primary key (visit, code, value)
);

-- Who saw a room's picture from when to when; what is not `told` does not stand in the audit trail yet.
create table visit_view (
  visit       text    not null collate "C",
  participant text    not null collate "C",
  since       bigint  not null,
  until       bigint,
  told        boolean not null default false,
  primary key (visit, participant, since)
);
create index visit_view_untold on visit_view (visit) where not told;

create table ward_hold (
  ward    text   primary key collate "C",
  person  text   not null collate "C",
  held_at bigint not null
);

-- Which cameras the keeper knows to be there.  Not logged: after a crash of the server none is known.
create unlogged table visit_camera (
  camera  text    primary key collate "C",
  is_here boolean not null
);

grant select, insert, update on visit_keeper, visit_room, visit_view, visit_camera to tianfu_app;
grant select, insert, delete on visit_scan, ward_hold to tianfu_app;
