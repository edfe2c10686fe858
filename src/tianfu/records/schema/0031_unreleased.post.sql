-- What nobody has let go to a family yet is marked as it is written since this program: bit 10, `unreleased`.  What
-- older programs wrote is told by its codes: a newborn's diary day with its parts, and notes of its condition.
-- Rule: docs/rules/permission.md

create function diary_days() returns table (rid bigint, status text)
  language sql stable set search_path = tianfu, pg_temp
  as $$ select c.rid, s.code from resource_composition c left join token s on s.hash = c.status
         where c.code in (select hash from token where system = 'urn:tianfu:newborn' and code = 'diary-day')
           and not c.deleted $$;

update resource_composition set labels = labels | 1024
 where rid in (select rid from diary_days() where status = 'preliminary');

-- Of a day that is not released its parts, and of every day what no longer belongs to it.
update resource_observation set labels = labels | 1024
 where rid in (select f.target from reference f join diary_days() d on d.rid = f.source
                where d.status is distinct from 'final')
    or (code in (select hash from token where system = 'urn:tianfu:newborn' and code in ('feed-volume', 'stool'))
        and status in (select hash from token where code in ('preliminary', 'entered-in-error')));
update resource_documentreference set labels = labels | 1024
 where code in (select hash from token where system = 'urn:tianfu:newborn' and code = 'diary-photo')
   and rid not in (select f.target from reference f join diary_days() d on d.rid = f.source where d.status = 'final');

update resource set labels = labels | 1024
 where category in (select hash from token where system = 'urn:tianfu:newborn' and code = 'condition-note')
   and status in (select hash from token where code = 'preparation');

-- Which earlier versions were drafts stands in their texts alone: the ward keeps them all.
update history set labels = labels | 1024
 where rid in (select rid from diary_days()
               union select f.target from reference f join diary_days() d on d.rid = f.source
               union select rid from resource_documentreference
                      where code in (select hash from token where system = 'urn:tianfu:newborn' and code = 'diary-photo')
               union select rid from resource where category in
                      (select hash from token where system = 'urn:tianfu:newborn' and code = 'condition-note'));

drop function diary_days();
