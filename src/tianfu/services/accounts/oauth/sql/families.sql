-- add_family
-- Begin what one authorisation gives.
insert into oauth_family (family, client, account, workplace, session, scopes, patient, proved_at, is_offline, since,
                          until)
values (%(family)s, %(client)s, %(account)s, %(workplace)s, %(session)s, %(scopes)s, %(patient)s, %(proved_at)s,
        %(is_offline)s, %(now)s, %(until)s);

-- add_code
-- Keep the digest of a code, and what must come back with it.
insert into oauth_code (digest, family, redirect, challenge, nonce, until)
values (%(digest)s, %(family)s, %(redirect)s, %(challenge)s, %(nonce)s, %(until)s);

-- use_code
-- Use a code up, whoever shows it; no row if there is none or if it was used.
update oauth_code set used_at = %(now)s where digest = %(digest)s and used_at is null
returning family, redirect, challenge, nonce, until;

-- family_of_code
-- Whose a code was that has been used.
select family from oauth_code where digest = %(digest)s;

-- add_refresh
-- Keep the digest of a refresh token.
insert into oauth_refresh (digest, family, until) values (%(digest)s, %(family)s, %(until)s);

-- use_refresh
-- Use a refresh token up, if it is this client's; no row if there is none, if it is another's, or if it was used.
update oauth_refresh set used_at = %(now)s
  from oauth_family
 where digest = %(digest)s and used_at is null and oauth_family.family = oauth_refresh.family
   and oauth_family.client = %(client)s
returning oauth_refresh.family, oauth_refresh.until;

-- family_of_refresh
-- Whose a refresh token is or was, and whether it was used.
select family, used_at is not null from oauth_refresh where digest = %(digest)s;

-- family
-- A family as it was given, whether it lives or not.
select client, account, session, scopes, patient, proved_at, is_offline, until, ended_at is not null
  from oauth_family where family = %(family)s;

-- end_family
-- End what one authorisation gave.
update oauth_family set ended_at = %(now)s, ended_for = %(why)s where family = %(family)s and ended_at is null;

-- end_families_of_account
-- End everything that somebody allowed to programs, but what he allowed in the session that is named.
update oauth_family set ended_at = %(now)s, ended_for = %(why)s
 where account = %(account)s and session <> %(but)s and ended_at is null;

-- families_of_account
-- What somebody allows to programs now, the newest first.
select family, client, scopes, patient, is_offline, since, until
  from oauth_family
 where account = %(account)s and ended_at is null and until > %(now)s order by since desc limit %(limit)s;

-- living_family
-- What a family stands for now; no row once it, its client, session, workplace or account has ended.
select family.client, family.account, family.session, family.scopes, family.patient, family.until, family.proved_at,
       client.role, client.organisation, account.kind, account.assurance,
       workplace.workplace, workplace.organisation, workplace.role, workplace.practitioner,
       array(select record from account_record as own
              where own.account = family.account and own.type = 'Patient'
                and (own.until is null or own.until > %(now)s) order by since, record),
       array(select record from account_record as own
              where own.account = family.account and own.type = 'RelatedPerson'
                and (own.until is null or own.until > %(now)s) order by since, record),
       family.is_offline, session.seen_at, account.named_at
  from oauth_family as family
  join oauth_client as client on client.client = family.client
  left join account on account.account = family.account
  left join workplace on workplace.workplace = family.workplace
  left join session on session.session = family.session
 where family.family = %(family)s and family.ended_at is null and family.until > %(now)s
   and client.disabled_at is null
   and (family.account is null
        or (account.left_at is null
            and (family.workplace is null or workplace.until is null or workplace.until > %(now)s)
            and (family.is_offline
                 or (session.ended_at is null and session.until > %(now)s))));

-- forget_families
-- Forget families, with their codes and refresh tokens, long after their last token was over.
delete from oauth_family where until < %(now)s;
