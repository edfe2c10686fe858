-- versions_now
-- Which version of each record of some types about some patients stands now, of some records by their number, and of
-- the Encounters that name some places.
select type, rid, version from resource
 where type = any(%(types)s::smallint[]) and prid = any(%(patients)s::bigint[])
union
select type, rid, version from resource
 where type = any(%(named_types)s::smallint[]) and rid = any(%(named)s::bigint[])
union
select type, rid, version from resource
 where type = %(encounter)s::smallint
   and rid = any(array(select source from reference
                        where target = any(%(places)s::bigint[]) and param = %(place_param)s::smallint
                          and source_type = %(encounter)s::smallint))
 order by 1, 2;
