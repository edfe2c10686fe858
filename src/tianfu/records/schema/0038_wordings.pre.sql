-- What families of newborn visits read in Tibetan and Yi: each wording as people entered, approved, refused and withdrew
-- it, and in which language a person chose to read.  Only services/booking reads and writes these; rule:
-- docs/rules/newborn-wordings.md

-- No version is changed once it is answered, but that it may be withdrawn; `source` is the digest of the Chinese
-- sentence that it was made from.  Nobody answers his own.
create table newborn_wording (
  wording          text    primary key collate "C",
  tongue           text    not null collate "C" check (tongue in ('bo', 'ii')),
  phrase           text    not null collate "C",
  number           integer not null,
  said             text    not null collate "C",
  source           bytea   not null,
  translator       text    not null collate "C",
  capacity         text    not null collate "C",
  entered_by       text    not null collate "C",
  entered_at       bigint  not null,
  answer           text    collate "C" check (answer in ('approved', 'refused')),
  answered_by      text    collate "C" check (answered_by <> entered_by),
  answered_at      bigint,
  reason           text    not null default '' collate "C",
  withdrawn_by     text    collate "C",
  withdrawn_at     bigint,
  withdrawn_reason text    not null default '' collate "C",
  unique (tongue, phrase, number),
  check ((answer is null) = (answered_by is null) and (answer is null) = (answered_at is null)),
  check ((withdrawn_by is null) = (withdrawn_at is null))
);
create unique index newborn_wording_waits on newborn_wording (tongue, phrase)
  where answer is null and withdrawn_at is null;

-- In which language a person chose to read; who chose none has no row.
create table newborn_tongue (
  account   text   primary key collate "C" references account,
  tongue    text   not null collate "C" check (tongue in ('zh-CN', 'en', 'bo', 'ii')),
  chosen_at bigint not null
);

grant select, insert, update on newborn_wording, newborn_tongue to tianfu_app;
