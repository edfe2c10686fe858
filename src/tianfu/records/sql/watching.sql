-- versions_now
-- Which version of each record of some types about some patients stands now, and of some records by their number.
select type, rid, version from resource
 where type = any(%(types)s::smallint[]) and prid = any(%(patients)s::bigint[])
union
select type, rid, version from resource
 where type = any(%(named_types)s::smallint[]) and rid = any(%(named)s::bigint[])
 order by 1, 2;
