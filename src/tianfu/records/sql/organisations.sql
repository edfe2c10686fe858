-- units_below
-- Organisations and all units below them, by whatever steps: number, and number of the one it is part of.
with recursive below as (
    select unnest(%(organisations)s::bigint[]) as unit, 0 as depth
    union
    select f.source, b.depth + 1
      from below b join reference f on f.target = b.unit and f.param = %(part_of)s::smallint
     where b.depth < %(depth_max)s::integer)
select o.rid,
       (select f.target from reference f where f.source = o.rid and f.param = %(part_of)s::smallint limit 1)
  from resource_other o
 where o.type = %(type)s::smallint and not o.deleted and o.rid in (select unit from below)
 limit %(limit)s::integer;

-- units_above
-- Organisations and all that they are part of, by whatever steps: number, and number of the one it is part of.
with recursive above as (
    select unnest(%(organisations)s::bigint[]) as unit, 0 as depth
    union
    select f.target, a.depth + 1
      from above a join reference f on f.source = a.unit and f.param = %(part_of)s::smallint
     where a.depth < %(depth_max)s::integer)
select o.rid,
       (select f.target from reference f where f.source = o.rid and f.param = %(part_of)s::smallint limit 1)
  from resource_other o
 where o.type = %(type)s::smallint and not o.deleted and o.rid in (select unit from above)
 limit %(limit)s::integer;
