-- Documents: what lies sealed outside the database, under which name, in which file, and which key sealed it.
-- `name` is a keyed digest of the content, so that a stolen table answers no guess; `file` begins with it and is never
-- used twice, so that whoever takes a file away takes nobody else's.
create table document (
  name        text     primary key collate "C",
  file        text     not null unique collate "C",
  size_bytes  bigint   not null check (size_bytes >= 0),
  sealed_with smallint not null,
  kept_at     bigint   not null
);
create index document_sealed_with on document (sealed_with, name);

grant select, insert, update, delete on document to tianfu_app;
