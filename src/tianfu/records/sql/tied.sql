-- tied
-- The patients whom ties of these actors open now, those first whose tie began last; each once, with why, since when,
-- and whether the caller himself is named.  A visit counts while it is open.
with tied as (
    select r.patient, max(r.since) as since, bit_or(1 << r.kind) as kinds,
           coalesce(bool_or(r.actor = %(practitioner)s::bigint), false) as is_named
      from relation r
     where r.actor = any(%(near)s::bigint[]) and not r.denies
       and r.until > %(g_now)s::bigint and r.since <= %(g_now)s::bigint
       and r.purposes & %(g_purpose)s::integer <> 0 and (1 << r.kind) & %(kinds)s::integer <> 0
       and (r.kind <> %(visit)s::smallint or exists (
             select from resource_encounter e where e.rid = r.rid and e.status = any(%(open)s::bigint[])))
     group by r.patient)
select a.rid, a.version, a.changed_at, a.fid, a.body, t.since, t.kinds, t.is_named
  from (select * from tied
         where %(after_since)s::bigint is null
            or (since, patient) < (%(after_since)s::bigint, %(after_patient)s::bigint)
         order by since desc, patient desc
        offset 0) t
 cross join lateral (
   select * from resource_patient p where p.rid = t.patient and not p.deleted and {visible:p}) a
 order by t.since desc, t.patient desc
 limit %(limit)s::integer;
