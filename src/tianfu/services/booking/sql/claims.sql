-- add_paper
-- A paper for a baby's guardian.
insert into newborn_paper (digest, baby, ward, by, made_at, until)
values (%(digest)s, %(baby)s, %(ward)s, %(by)s, %(now)s, %(until)s);

-- use_paper
-- A paper is one person's: of several who bring it at one moment, one has it.  She asks by it again where what she
-- asked was taken back or declined, until the ward said yes.
update newborn_paper set used_at = coalesce(used_at, %(now)s), used_by = %(account)s
 where digest = %(digest)s and until > %(now)s
   and (used_at is null
        or (used_by = %(account)s
            and not exists (select from newborn_claim
                             where newborn_claim.account = %(account)s and newborn_claim.baby = newborn_paper.baby
                               and answer = 'approved' and asked_at >= used_at)))
returning baby, ward;

-- lock_asker
-- One at a time asks for one account.
select pg_advisory_xact_lock(hashtextextended(%(account)s::text, 20));

-- open_claims
-- How many claims of an account wait, and how many it asked lately, whatever became of them.  One to which the ward said
-- no waits as long as one that fits nobody.
select count(*) filter (where (answer is null or answer = 'declined') and until > %(now)s),
       count(*) filter (where asked_at > %(since)s)
  from newborn_claim where account = %(account)s;

-- add_claim
-- Somebody asks to be known as a guardian.
insert into newborn_claim (claim, account, baby, ward, relation, certificate, asked_at, until)
values (%(claim)s, %(account)s, %(baby)s::text, %(ward)s::text, %(relation)s, %(certificate)s, %(now)s, %(until)s);

-- claims_of_account
-- What somebody asked, newest first.
select claim, account, baby, ward, relation, certificate, asked_at, until, answer, answered_at, related
  from newborn_claim where account = %(account)s order by asked_at desc, claim desc limit %(limit)s;

-- claims_of_ward
-- What waits in a ward, oldest first.
select claim, account, baby, ward, relation, certificate, asked_at, until, answer, answered_at, related
  from newborn_claim where ward = %(ward)s and answer is null and until > %(now)s order by asked_at limit %(limit)s;

-- answer_claim
-- The ward's answer, or that it was taken back.
update newborn_claim
   set answer = %(answer)s, answered_by = %(by)s, answered_at = %(now)s, related = %(related)s::text
 where claim = %(claim)s and answer is null
returning claim;

-- withdraw_claim
-- Whoever asked takes it back, also what the ward said no to: she does not know which it was.
update newborn_claim set answer = 'withdrawn', answered_by = %(account)s, answered_at = %(now)s
 where claim = %(claim)s and account = %(account)s and (answer is null or answer = 'declined')
returning claim;

-- answer_to_claim
-- What became of a claim.
select answer from newborn_claim where claim = %(claim)s;

-- account_of_related
-- Whose account a guardian's or a relative's record is tied to.
select account from account_record where type = 'RelatedPerson' and record = %(related)s and until is null limit 1;

-- lock_invitations
-- Whoever invites for a baby waits for whoever does so now: how many there are is counted behind this.
select pg_advisory_xact_lock(hashtextextended(%(baby)s::text, 21));

-- add_invitation
-- A guardian invites a relative.
insert into newborn_invitation (invitation, ward, baby, guardian, related, handle, named, asked_at)
values (%(invitation)s, %(ward)s, %(baby)s, %(guardian)s, %(related)s, %(handle)s, %(named)s, %(now)s);

-- invitations_of_baby
-- Whom a baby's guardians invited.
select invitation, ward, baby, guardian, related, asked_at, accepted_by, accepted_at, declined_at
  from newborn_invitation
 where baby = %(baby)s and ended_at is null order by asked_at;

-- invitations_ever
-- How many invitations a guardian wrote for a baby, with those that are over.
select count(*) from newborn_invitation where baby = %(baby)s and guardian = %(guardian)s;

-- invitations_for
-- What waits for, or was accepted by, whoever bears a telephone and name.
select invitation, ward, baby, guardian, related, asked_at, accepted_by, accepted_at, declined_at
  from newborn_invitation
 where ended_at is null and (accepted_by = %(account)s
                             or (accepted_by is null and handle = %(handle)s and named = %(named)s))
 order by asked_at;

-- invitation_over
-- Whether somebody was let in to a baby by an invitation that is over; asked only by who names a visit that there is.
select 1 from newborn_invitation
 where accepted_by = %(account)s and baby = %(baby)s and ended_at is not null limit 1;

-- invited_stays
-- Babies and wards for which somebody is invited, or had agreed and was lately; those first that were asked for longest.
select baby, ward from newborn_invitation
 where ended_at is null or (ended_at > %(since)s and accepted_by is not null)
 group by baby, ward order by min(asked_at);

-- end_invitations_of
-- An invitation is for the stay: once the baby left the ward, or died, it is over.
update newborn_invitation set ended_at = %(now)s
 where baby = %(baby)s and ward = %(ward)s and ended_at is null
returning related, accepted_by, baby;

-- ended_invitations_of
-- To what of a stay somebody had agreed, and that is over lately.
select related, accepted_by from newborn_invitation
 where baby = %(baby)s and ward = %(ward)s and ended_at > %(since)s and accepted_by is not null
 order by invitation;

-- accept_invitation
-- Whoever bears both agrees, also who said no before.
update newborn_invitation set accepted_by = %(account)s, accepted_at = %(now)s, declined_at = null
 where invitation = %(invitation)s and ended_at is null and accepted_by is null
   and handle = %(handle)s and named = %(named)s
returning related;

-- decline_invitation
-- Whoever bears both says no.
update newborn_invitation set declined_at = %(now)s
 where invitation = %(invitation)s and ended_at is null and accepted_by is null
   and handle = %(handle)s and named = %(named)s
returning related;

-- end_invitation
-- A guardian takes an invitation back, or the relative lays it down.
update newborn_invitation set ended_at = %(now)s
 where invitation = %(invitation)s and ended_at is null
   and (baby = any(%(babies)s::text[]) or accepted_by = %(account)s)
returning related, accepted_by, baby;

-- ended_invitation
-- An invitation to which somebody agreed and that is over, for whoever may end it.
select related, accepted_by from newborn_invitation
 where invitation = %(invitation)s and ended_at is not null and accepted_by is not null
   and (baby = any(%(babies)s::text[]) or accepted_by = %(account)s);

-- ended_invitations_by
-- What a guardian wrote, somebody agreed to, and is over.
select related, accepted_by from newborn_invitation
 where guardian = %(guardian)s and ended_at is not null and accepted_by is not null
 order by invitation;

-- end_invitations_by
-- Whoever is no guardian any more has invited nobody.
update newborn_invitation set ended_at = %(now)s where guardian = %(guardian)s and ended_at is null
returning related, accepted_by, baby;
