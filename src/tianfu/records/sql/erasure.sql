-- standing
-- What stands under a record number, and how many versions there are besides.
select r.version, r.changed_at, r.prid, r.org, r.fid, r.sensitivity, r.labels,
       (select count(*) from history h where h.rid = r.rid and h.type = r.type)
  from resource r
 where r.type = %(type)s and r.rid = %(rid)s;

-- empty_history
-- Take the content out of every earlier version; that they were, and when, remains.
update history set body = null, sealed_with = null, deleted = true where rid = %(rid)s and type = %(type)s;

-- retire_empty
-- The version that stood becomes an earlier one, without its content.
insert into history (rid, changed_at, prid, version, org, type, sensitivity, deleted, fid, labels, also_about)
select rid, changed_at, prid, version, org, type, sensitivity, true, fid, labels,
       case when labels & 1 = 1 then
         (select array_agg(s.prid) from also_about s where s.rid = resource.rid and s.type = resource.type) end
  from resource
 where type = %(type)s and rid = %(rid)s;

-- add_erasure
-- Remember that a record was erased, by whom and on what authority.
insert into erasure (rid, type, fid, erased_at, caller, authority, versions)
values (%(rid)s, %(type)s, %(fid)s, %(erased_at)s, %(caller)s, %(authority)s, %(versions)s);
