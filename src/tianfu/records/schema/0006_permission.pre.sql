-- Who may see what.  Why it is shaped so: docs/decisions/0011-permission-as-relations.md

-- Special labels as one mask instead of a list: they are asked about at every row.  Nobody ever filled the lists.
alter table resource drop column labels;
alter table resource add column labels bigint not null default 0;
alter table history drop column labels;
alter table history add column labels bigint not null default 0;
-- Further subjects of an earlier version, as they were when it was replaced.
alter table history add column also_about bigint[];
grant update (sensitivity, labels) on resource to tianfu_app;

-- What ties somebody to a patient, derived from the record `rid`; a denial closes instead of opening.
create table relation (
  patient  bigint   not null,
  actor    bigint   not null,
  rid      bigint   not null,
  labels   bigint   not null,
  since    bigint   not null,
  until    bigint   not null,
  purposes integer  not null,
  kind     smallint not null,
  level    smallint not null,
  type     smallint not null,
  age      smallint not null,
  denies   boolean  not null,
  types    smallint[]
);
create index relation_patient on relation (patient, actor);
create index relation_actor on relation (actor) where not denies;
create index relation_rid on relation (rid);
grant select, insert, delete on relation to tianfu_app;
grant select on relation to tianfu_reader;

-- born
-- The first microsecond that a patient's birth date may be; told past the second wall, for the wall's own question.
create function born(patient bigint) returns bigint
  language sql stable strict security definer parallel safe set search_path = tianfu, pg_temp
  as $$ select date_low from resource_patient where rid = patient and not deleted $$;

-- The second wall.  A statement tells it for whom it asks by settings that end with its transaction; one that forgot
-- sees no record at all.  It is coarser than the statement's own condition (no purposes, times, labels, consents), and
-- needs nothing of it.
drop policy reading on resource;
drop policy reading on history;

create procedure wall_for_reader(relation_name regclass) language plpgsql as $$
begin
  execute format($policy$
    create policy reading on %1$s for select to tianfu_reader using (
      (select current_setting('tianfu.everything', true)) = 'yes'
      or (sensitivity <= (select nullif(current_setting('tianfu.level', true), '')::smallint)
          and (prid is null
               or prid = any ((select nullif(current_setting('tianfu.own', true), '')::bigint[])::bigint[])
               or org = (select nullif(current_setting('tianfu.custodian', true), '')::integer)
               or exists (select from relation r
                           where r.patient = prid and not r.denies
                             and r.actor = any ((select nullif(current_setting('tianfu.actors', true), '')::bigint[])::bigint[])))))
  $policy$, relation_name);
end $$;

do $$
declare
  partition regclass;
begin
  call wall_for_reader('resource');
  call wall_for_reader('history');
  for partition in select inhrelid::regclass from pg_inherits where inhparent = 'resource'::regclass loop
    execute format('drop policy reading on %s', partition);
    call wall_for_reader(partition);
  end loop;
end $$;
