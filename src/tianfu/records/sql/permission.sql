-- organisations_near
-- The units below an organisation and above it, it included: number, number of the one it is part of, kinds.
with recursive below as (
    select %(organisation)s::bigint as unit, 0 as depth
    union
    select f.source, b.depth + 1
      from below b join reference f on f.target = b.unit and f.param = %(part_of)s::smallint
     where b.depth < %(depth_max)s::integer),
above as (
    select %(organisation)s::bigint as unit, 0 as depth
    union
    select f.target, a.depth + 1
      from above a join reference f on f.source = a.unit and f.param = %(part_of)s::smallint
     where a.depth < %(depth_max)s::integer)
select o.rid,
       (select f.target from reference f where f.source = o.rid and f.param = %(part_of)s::smallint limit 1),
       o.code = any(%(unit_kinds)s::bigint[]) or o.tokens && %(unit_kinds)s::bigint[]
  from resource_other o
 where o.type = %(type)s::smallint and not o.deleted
   and o.rid in (select unit from below union select unit from above)
 limit %(limit)s::integer;

-- custodian_of
-- The number of an organisation as a source of records; null if it never wrote one.
select org from source where uri = %(uri)s::text;

-- standing_seen
-- Which of these records of one type stand, which of them may be seen, which are of oversight, about whom, which are
-- the directory's and another's to keep, their code, and which have the caller as their owner.
select a.rid, {visible:a}, a.labels & %(review)s::bigint <> 0 and not a.deleted, a.prid,
       a.prid is null and a.org is distinct from %(g_custodian)s::integer, a.code,
       exists (select from reference f where f.source = a.rid and f.param = %(owner)s::smallint
                and f.target = %(practitioner)s::bigint)
  from resource a where a.type = %(type)s::smallint and a.rid = any(%(rids)s::bigint[]);

-- closed_patients
-- The places of those of these new rows that would be about a patient who is not open to the caller.
select a.place
  from (select place, 0::bigint as rid, prid, sensitivity, labels, type, null::integer as org
          from unnest(%(places)s::integer[], %(prids)s::bigint[], %(sensitivities)s::smallint[], %(labels)s::bigint[],
                      %(types)s::smallint[]) as given(place, prid, sensitivity, labels, type)) a
 where {visible:a} is not true;

-- within_scope
-- Which of these records of one type stand, and which of them are within a token's scopes.
select a.rid, {scope:a} from resource a where a.type = %(type)s::smallint and a.rid = any(%(rids)s::bigint[]);

-- visible_of
-- Which of these records of one type may be seen.
select a.rid from resource a where a.type = %(type)s::smallint and a.rid = any(%(rids)s::bigint[]) and {visible:a};

-- head_of
-- What deciding needs of a record, whoever asks: level, labels, source, and all its subjects.
select a.fid, a.sensitivity, a.labels, a.org, a.deleted, a.prid,
       coalesce((select array_agg(s.prid) from also_about s where s.rid = a.rid and s.type = a.type), '{}')
  from resource a
 where a.type = %(type)s::smallint and a.rid = %(rid)s::bigint;

-- relations_of
-- Everything that opens or closes the records of these patients, with the record that says so.
select r.patient, r.actor, r.kind, r.purposes, r.level, r.labels, r.types, r.since, r.until, r.age, r.denies,
       r.type, o.fid
  from relation r left join resource o on o.type = r.type and o.rid = r.rid
 where r.patient = any(%(patients)s::bigint[])
 order by r.since, r.rid
 limit %(limit)s::integer;

-- births_of
-- When these patients were born, as early as it may be.
select rid, date_low from resource_patient where rid = any(%(patients)s::bigint[]) and date_low is not null;

-- names_of_numbers
-- What the records with these numbers are called, of the types that can stand for a caller.
select rid, type, fid from resource_other where type = any(%(types)s::smallint[]) and rid = any(%(rids)s::bigint[]);

-- days_born
-- When these patients were born, from and until when it may be; nothing of those whose birth date is not known.
select date_low, date_high from resource_patient
 where rid = any(%(patients)s::bigint[]) and not deleted and date_low is not null and date_high is not null;

-- proxies_of
-- Who may look for these patients, now or later, and by which record.
select patient, actor, rid from relation
 where patient = any(%(patients)s::bigint[]) and kind = %(kind)s::smallint and not denies and until > %(now)s::bigint;
