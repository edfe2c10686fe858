-- add_delivery
-- Somebody begins to deliver.
insert into imaging_delivery (delivery, organisation, into_case, state, begun_by, begun_at)
values (%(delivery)s::uuid, %(organisation)s, %(into)s::uuid, 'arriving', %(by)s, %(now)s);

-- delivery
-- One delivery of an organisation.
select delivery, into_case, state, taken_into, begun_by, begun_at
  from imaging_delivery where delivery = %(delivery)s::uuid and organisation = %(organisation)s;

-- hold_delivery
-- The same for whoever changes it: one at a time.
select delivery, into_case, state, taken_into, begun_by, begun_at
  from imaging_delivery where delivery = %(delivery)s::uuid and organisation = %(organisation)s for update;

-- deliveries
-- What is on its way to an organisation, the newest first.
select d.delivery, d.into_case, d.state, d.taken_into, d.begun_by, d.begun_at
  from imaging_delivery d
 where d.organisation = %(organisation)s and d.state = 'arriving'
 order by d.begun_at desc limit %(limit)s;

-- arrived
-- How much has arrived.
select count(*), coalesce(sum(bytes), 0) from imaging_arrival where delivery = %(delivery)s::uuid;

-- add_arrival
-- An object arrives; the same bytes twice are one.
insert into imaging_arrival (delivery, document, instance, modality, bytes, arrived_at)
values (%(delivery)s::uuid, %(document)s, %(instance)s, %(modality)s, %(bytes)s, %(now)s)
on conflict do nothing;

-- arrivals
-- All objects of a delivery, in the order in which they came.
select document, instance, modality, bytes from imaging_arrival
 where delivery = %(delivery)s::uuid order by arrived_at, document;

-- take_back_arrival
-- One object is taken out of a delivery again.
delete from imaging_arrival where delivery = %(delivery)s::uuid and document = %(document)s;

-- empty_delivery
-- What arrived is in a case now, or nowhere.
delete from imaging_arrival where delivery = %(delivery)s::uuid returning document;

-- end_delivery
-- A delivery ends once.
update imaging_delivery set state = %(state)s, taken_into = %(taken_into)s::uuid, ended_at = %(now)s
 where delivery = %(delivery)s::uuid and state = 'arriving';

-- drop_documents
-- What a delivery or a case has no more.
insert into imaging_dropped (document, dropped_at)
select document, %(now)s from unnest(%(documents)s::text[]) as document
on conflict (document) do update set dropped_at = excluded.dropped_at;

-- let_nobody_add
-- Nothing arrives until the transaction ends: what is forgotten meanwhile is nobody's.
lock table imaging_arrival in share row exclusive mode;

-- take_dropped
-- What was dropped long enough ago, and whether somebody has it again.
with taken as (
  delete from imaging_dropped where dropped_at < %(before)s returning document
)
select document from taken
 where not exists (select from imaging_object o where o.document = taken.document)
   and not exists (select from imaging_case c where c.about = taken.document)
   and not exists (select from imaging_arrival a where a.document = taken.document);
