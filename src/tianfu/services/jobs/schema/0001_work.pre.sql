-- Work that somebody asked for: what, for which inputs, how far it is, and what came of it.
-- `key` is the digest of kind, code version and inputs: who asks for the same finds what is there.
create table work (
  work      uuid     primary key,
  kind      text     not null collate "C",
  queue     text     not null collate "C" check (queue in ('heavy', 'light')),
  key       bytea    not null,
  about     text     not null collate "C",
  arguments text     not null collate "C",
  version   text     not null collate "C",
  job       bigint,
  state     text     not null collate "C" check (state in ('waiting', 'running', 'done', 'failed', 'cancelled')),
  step      text     not null default '' collate "C",
  done      integer  not null default 0,
  total     integer  not null default 0,
  result    text     collate "C",
  refusal   text     collate "C",
  details   text     not null default '{}' collate "C",
  tries     integer  not null default 0,
  asked_by  text     not null collate "C",
  asked_at  bigint   not null,
  begun_at  bigint,
  ended_at  bigint,
  check ((state = 'done') = (result is not null)),
  check ((state = 'failed') = (refusal is not null))
);
create unique index work_key on work (key) where state in ('waiting', 'running', 'done');
create index work_about on work (about, asked_at);

-- What a work has finished on its way, so that it need not be done again after a kill.
create table work_part (
  work    uuid   not null references work,
  name    text   not null collate "C",
  result  text   not null collate "C",
  made_at bigint not null,
  primary key (work, name)
);

grant select, insert, update on work to tianfu_app;
grant select, insert on work_part to tianfu_app;
grant select, insert, update, delete on procrastinate_jobs, procrastinate_events, procrastinate_workers,
                                        procrastinate_periodic_defers to tianfu_app;
grant usage on all sequences in schema tianfu to tianfu_app;
