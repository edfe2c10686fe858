-- Cases of DICOM objects, each of one organisation.  What names a patient is sealed: `about` is the name of a document.
create table imaging_case (
  imaging_case uuid   primary key,
  organisation text   not null collate "C",
  about        text   not null collate "C",
  made_by      text   not null collate "C",
  made_at      bigint not null
);
create index imaging_case_of on imaging_case (organisation, made_at, imaging_case);

create table imaging_object (
  imaging_case uuid   not null references imaging_case,
  instance     text   not null collate "C",
  modality     text   not null collate "C",
  document     text   not null collate "C",
  bytes        bigint not null,
  primary key (imaging_case, instance)
);
create index imaging_object_document on imaging_object (document);

-- Objects on their way, until they are read together and taken into a case, refused or discarded.
create table imaging_delivery (
  delivery     uuid   primary key,
  organisation text   not null collate "C",
  into_case    uuid   references imaging_case,
  state        text   not null collate "C" check (state in ('arriving', 'taken', 'discarded')),
  taken_into   uuid   references imaging_case,
  begun_by     text   not null collate "C",
  begun_at     bigint not null,
  ended_at     bigint,
  check ((state = 'taken') = (taken_into is not null)),
  check ((state = 'arriving') = (ended_at is null))
);
create index imaging_delivery_of on imaging_delivery (organisation, begun_at) where state = 'arriving';

create table imaging_arrival (
  delivery     uuid   not null references imaging_delivery,
  document     text   not null collate "C",
  instance     text   not null collate "C",
  modality     text   not null collate "C",
  bytes        bigint not null,
  arrived_at   bigint not null,
  primary key (delivery, document)
);
create index imaging_arrival_document on imaging_arrival (document);

-- What nobody has any more; it goes a day later, so that what was sent again meanwhile is still there.
create table imaging_dropped (
  document   text   primary key collate "C",
  dropped_at bigint not null
);

grant select, insert on imaging_case, imaging_object to tianfu_app;
grant update (about) on imaging_case to tianfu_app;
grant select, insert, update on imaging_delivery to tianfu_app;
grant select, insert, delete on imaging_arrival to tianfu_app;
grant select, insert, update, delete on imaging_dropped to tianfu_app;
