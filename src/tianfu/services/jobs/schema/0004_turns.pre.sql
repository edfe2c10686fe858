-- For whose organisation a work is, and its turn among those that are open: organisations take turns.
alter table work add column organisation text not null default '' collate "C";
alter table work add column turn integer not null default 0;
update work set organisation = coalesce(arguments::jsonb ->> 'organisation', '') where state in ('waiting', 'running');

-- Parts go once nobody can go on with them.
-- By hash: a result may be a whole histogram, longer than a row of a tree takes.
create index work_part_result on work_part using hash (result);
grant delete on work_part to tianfu_app;
