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

-- The queue's own texts compare by bytes too, so that every database has them in one order.
do $$
declare
  each record;
begin
  for each in
    select attrelid::regclass as relation, attname, format_type(atttypid, atttypmod) as kind
      from pg_attribute join pg_class on pg_class.oid = attrelid join pg_namespace on pg_namespace.oid = relnamespace
     where nspname = 'tianfu' and relname like 'procrastinate%' and relkind = 'r' and attnum > 0 and not attisdropped
       and attcollation not in (0, 'pg_catalog."C"'::regcollation)
  loop
    execute format('alter table %s alter column %I type %s collate "C"', each.relation, each.attname, each.kind);
  end loop;
end
$$;
