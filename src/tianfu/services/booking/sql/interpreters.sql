-- lock_interpreters
-- Whoever asks for a visit waits for whoever does so now: how many there are is counted behind this.
select pg_advisory_xact_lock(hashtextextended(%(visit)s::text, 29));

-- add_interpreter
-- A guardian asks somebody to interpret in one visit.
insert into newborn_interpreter (interpreter, visit, baby, guardian, handle, named, sees, asked_at, until)
values (%(interpreter)s, %(visit)s, %(baby)s, %(guardian)s, %(handle)s, %(named)s, %(sees)s, %(now)s, %(until)s);

-- interpreters_of_visit
-- Who was asked for a visit and is not taken back.
select interpreter, visit, baby, guardian, sees, asked_at, until, accepted_by, accepted_at, declined_at, agreed_at
  from newborn_interpreter where visit = %(visit)s and ended_at is null order by asked_at, interpreter;

-- interpreter_asked
-- Whether whoever bears both is asked for a visit already.
select 1 from newborn_interpreter
 where visit = %(visit)s and handle = %(handle)s and named = %(named)s and ended_at is null limit 1;

-- interpreters_for
-- What waits for, or was answered by, whoever bears a telephone and name, while the visit is not over.
select interpreter, visit, baby, guardian, sees, asked_at, until, accepted_by, accepted_at, declined_at, agreed_at
  from newborn_interpreter
 where ended_at is null and until > %(now)s
   and (accepted_by = %(account)s or (accepted_by is null and handle = %(handle)s and named = %(named)s))
 order by asked_at;

-- interpreter_over
-- Whether somebody agreed once to interpret in a visit and was taken back.
select 1 from newborn_interpreter where accepted_by = %(account)s and visit = %(visit)s and ended_at is not null limit 1;

-- accept_interpreting
-- Whoever bears both agrees, also who declined before; once in a visit.
update newborn_interpreter set accepted_by = %(account)s, accepted_at = %(now)s, declined_at = null
 where interpreter = %(interpreter)s and ended_at is null and until > %(now)s and accepted_by is null
   and handle = %(handle)s and named = %(named)s
   and not exists (select from newborn_interpreter o
                    where o.visit = newborn_interpreter.visit and o.accepted_by = %(account)s and o.ended_at is null)
returning visit;

-- decline_interpreting
-- Whoever bears both says no.
update newborn_interpreter set declined_at = %(now)s
 where interpreter = %(interpreter)s and ended_at is null and until > %(now)s and accepted_by is null
   and handle = %(handle)s and named = %(named)s
returning visit;

-- agree_interpreting
-- A nurse lets somebody in who agreed: to what counts of what he agreed to, the first that he was asked.
update newborn_interpreter set agreed_by = %(by)s, agreed_at = %(now)s
 where interpreter = (select interpreter from newborn_interpreter
                       where visit = %(visit)s and accepted_by = %(account)s and ended_at is null
                       order by asked_at, interpreter limit 1)
returning interpreter;

-- end_interpreter
-- A guardian takes it back, or the interpreter lays it down.
update newborn_interpreter set ended_at = %(now)s
 where interpreter = %(interpreter)s and ended_at is null
   and (guardian = any(%(guardians)s::text[]) or accepted_by = %(account)s)
returning visit, accepted_by;

-- interpreter_ended
-- What a guardian took back, or an interpreter laid down, of a visit that is not over and in which he does not interpret.
select visit, accepted_by from newborn_interpreter e
 where interpreter = %(interpreter)s and ended_at is not null and until > %(now)s
   and (guardian = any(%(guardians)s::text[]) or accepted_by = %(account)s)
   and not exists (select from newborn_interpreter o
                    where o.visit = e.visit and o.accepted_by = e.accepted_by and o.ended_at is null);

-- end_interpreter_of
-- The ward sends an interpreter away, from whatever he agreed to in a visit.
update newborn_interpreter set ended_at = %(now)s
 where visit = %(visit)s and accepted_by = %(account)s and ended_at is null
returning visit, accepted_by;
