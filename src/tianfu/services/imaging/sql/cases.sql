-- add_case
-- Objects that belong together become a case.
insert into imaging_case (imaging_case, organisation, about, made_by, made_at)
values (%(case)s::uuid, %(organisation)s, %(about)s, %(by)s, %(now)s);

-- change_case
-- A case has more objects than before.
update imaging_case set about = %(about)s where imaging_case = %(case)s::uuid;

-- add_objects
-- Its objects; one that it has already stays as it is.
insert into imaging_object (imaging_case, instance, modality, document, bytes)
select %(case)s::uuid, instance, modality, document, bytes
  from unnest(%(instances)s::text[], %(modalities)s::text[], %(documents)s::text[], %(sizes)s::bigint[])
       as t (instance, modality, document, bytes)
on conflict do nothing;

-- case_of
-- One case of an organisation.
select imaging_case, about, made_by, made_at
  from imaging_case where imaging_case = %(case)s::uuid and organisation = %(organisation)s;

-- hold_case
-- The same for whoever adds to it: one at a time.
select imaging_case, about, made_by, made_at
  from imaging_case where imaging_case = %(case)s::uuid and organisation = %(organisation)s for update;

-- cases_of
-- An organisation's cases, the newest first, from one on.
select imaging_case, about, made_by, made_at
  from imaging_case
 where organisation = %(organisation)s and imaging_case < %(before)s::uuid
 order by imaging_case desc limit %(limit)s;

-- objects_of
-- What a case holds, in a fixed order.
select instance, modality, document, bytes from imaging_object where imaging_case = %(case)s::uuid order by instance;

-- organisations
-- Who has cases, or some on their way.
select organisation from imaging_case
 union
select organisation from imaging_delivery where state = 'arriving'
 order by organisation limit %(limit)s;
