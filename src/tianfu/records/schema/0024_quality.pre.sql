-- How well live visits go, for operators: lives of the media server, when somebody last looked, and alerts.  Nothing of
-- what is seen and nobody's name.  Only services/realtime reads and writes these; rule: docs/rules/newborn-quality.md

-- Each life of the media server, as it was heard of.
create table media_life (
  epoch    text   primary key collate "C",
  since    bigint not null,
  heard_at bigint not null
);

-- Who looks takes the turn by this row, so that of several workers one looks; and what was last there, and when.
create table quality_look (
  place           smallint primary key check (place = 1),
  looked_at       bigint   not null,
  media_heard_at  bigint   not null,
  keeper_heard_at bigint   not null
);

-- What is wrong, or was: `about` is a camera's or a ward's id, or empty; `ward` is empty for what concerns all.
create table quality_alert (
  alert    text     primary key collate "C",
  kind     text     not null collate "C",
  about    text     not null collate "C",
  ward     text     not null collate "C",
  rule     integer  not null,
  since    bigint   not null,
  until    bigint,
  noted_by text     collate "C",
  noted_at bigint,
  note     text collate "C",
  check ((noted_by is null) = (note is null) and (noted_by is null) = (noted_at is null))
);
create unique index quality_alert_stands on quality_alert (kind, about) where until is null;
create index quality_alert_until on quality_alert (until) where until is not null;

grant select, insert, update, delete on media_life, quality_look, quality_alert to tianfu_app;
