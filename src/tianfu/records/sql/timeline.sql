-- timeline
-- The newest records of several patients by main date, one limited scan per patient, merged; the undated come last.
select r.rid, r.type, r.version, r.changed_at, r.fid, r.prid, r.body, r.date_low, r.date_high
  from unnest(%(patients)s::bigint[]) as patient
 cross join lateral (
   select * from resource a
    where a.prid = patient and not a.deleted and {visible:a}
      and a.type = any(%(types)s::smallint[])
      and (%(codes)s::bigint[] is null or a.code = any(%(codes)s::bigint[]))
      and (%(after)s::bigint is null or a.date_low >= %(after)s::bigint)
      and (%(before)s::bigint is null or a.date_low < %(before)s::bigint
           or (a.date_low is null and %(after)s::bigint is null))
      and (%(category_types)s::smallint[] is null or exists (
            select from unnest(%(category_types)s::smallint[], %(categories)s::bigint[]) as wanted(type, category)
             where wanted.type = a.type and (wanted.category is null or wanted.category = a.category)))
    order by a.date_low desc nulls last, a.rid desc
    limit %(limit)s::integer) r
 order by r.date_low desc nulls last, r.rid desc
 limit %(limit)s::integer;

-- census
-- How many current records of which kind lie in which stretch of time, per patient.
select a.prid, a.type, a.category, coalesce(width_bucket(a.date_low, %(edges)s::bigint[]), 0), count(*)
  from resource a
 where a.prid = any(%(patients)s::bigint[]) and not a.deleted and a.type = any(%(types)s::smallint[])
   and {visible:a}
 group by 1, 2, 3, 4;

-- measured
-- The newest result of each kind that has a number or parts with numbers, and how many there are.
select distinct on (a.code) a.rid, a.type, a.version, a.changed_at, a.fid, a.prid, a.body, a.date_low, a.date_high,
       a.code, count(*) over (partition by a.code)
  from resource_observation a
 where a.prid = any(%(patients)s::bigint[]) and not a.deleted and a.code is not null and {visible:a}
   and (a.number is not null or exists (select from quantity q where q.rid = a.rid))
 order by a.code, a.date_low desc nulls last;
