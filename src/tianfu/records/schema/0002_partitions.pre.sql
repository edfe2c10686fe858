-- A partition for each resource type that fills most of the store, one for all others.
-- The numbers are those of the committed table of definitions; they never change.

call make_partition('resource_patient', '{103}');
call make_partition('resource_observation', '{96}');
call make_partition('resource_encounter', '{44}');
call make_partition('resource_condition', '{28}');
call make_partition('resource_medicationrequest', '{79}');
call make_partition('resource_procedure', '{110}');
call make_partition('resource_diagnosticreport', '{40}');
call make_partition('resource_immunization', '{62}');
call make_partition('resource_documentreference', '{42}');
call make_partition('resource_composition', '{26}');
call make_partition('resource_claim', '{19}');
call make_partition('resource_explanationofbenefit', '{53}');
call make_partition('resource_other', null);

-- Newest results of one kind of one person; results by value.
create index resource_observation_person_code on resource_observation (prid, code, date_low desc nulls last);
create index resource_observation_value on resource_observation (code, number) where number is not null;

call ensure_months(now(), 3);
