-- lock_wordings
-- Whoever writes wordings of a tongue waits for whoever does so now: versions are counted behind this.
select pg_advisory_xact_lock(hashtextextended(%(tongue)s::text, 38));

-- wordings_of
-- Every version in a tongue, oldest first.
select wording, tongue, phrase, number, said, source, translator, capacity, entered_by, entered_at, answer, answered_by,
       answered_at, reason, withdrawn_by, withdrawn_at, withdrawn_reason
  from newborn_wording where tongue = %(tongue)s order by phrase, number;

-- approved_last_of
-- Of each sentence in a tongue the version that was approved last, withdrawn or not; and how often anything of the tongue
-- was approved, or taken back after it.
select distinct on (phrase) wording, tongue, phrase, number, said, source, translator, capacity, entered_by, entered_at,
       answer, answered_by, answered_at, reason, withdrawn_by, withdrawn_at, withdrawn_reason,
       (select count(*) + count(withdrawn_at) from newborn_wording where tongue = %(tongue)s and answer = 'approved')
  from newborn_wording where tongue = %(tongue)s and answer = 'approved' order by phrase, number desc;

-- add_wording
-- A version that waits for a second person.
insert into newborn_wording
  (wording, tongue, phrase, number, said, source, translator, capacity, entered_by, entered_at)
values (%(wording)s, %(tongue)s, %(phrase)s, %(number)s, %(said)s, %(source)s, %(translator)s, %(capacity)s, %(by)s,
        %(now)s);

-- answer_wording
-- Somebody else approves or refuses a version that waits.
update newborn_wording set answer = %(answer)s, answered_by = %(by)s, answered_at = %(now)s, reason = %(reason)s
 where wording = %(wording)s and tongue = %(tongue)s and answer is null and withdrawn_at is null
   and entered_by <> %(by)s
returning phrase;

-- withdraw_wording
-- A version that waits or was approved is taken back.
update newborn_wording set withdrawn_by = %(by)s, withdrawn_at = %(now)s, withdrawn_reason = %(reason)s
 where wording = %(wording)s and tongue = %(tongue)s and withdrawn_at is null and answer is distinct from 'refused'
returning phrase;

-- choose_tongue
-- A person chooses the language to read in.
insert into newborn_tongue (account, tongue, chosen_at) values (%(account)s, %(tongue)s, %(now)s)
on conflict (account) do update set tongue = excluded.tongue, chosen_at = excluded.chosen_at;

-- tongue_of
-- What a person chose.
select tongue from newborn_tongue where account = %(account)s;

-- visits_by_tongue
-- Visits of a ward that were not cancelled: whose family, when it ended, what the family chose to read in, and whether
-- somebody interpreted whom a nurse let in.
select p.place, coalesce(who.account, p.related), p.ends, coalesce(t.tongue, ''),
       exists (select from newborn_interpreter i where i.visit = p.place and i.agreed_at is not null)
       or exists (select from visit_interpreter v where v.visit = p.place and v.agreed_by is not null)
  from newborn_place p
  left join lateral (select account from account_record
                      where type = 'RelatedPerson' and record = p.related and until is null limit 1) who on true
  left join newborn_tongue t on t.account = who.account
 where p.ward = %(ward)s and p.starts >= %(since)s and p.ends <= %(until)s and p.freed_at is null and p.is_confirmed;
