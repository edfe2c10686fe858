-- begin_session
-- A session begins; its secret was drawn a moment ago and was never another's.
insert into session (digest, session, account, workplace, device, agent, methods, proved_at, since, seen_at, until)
values (%(digest)s, %(session)s, %(account)s, %(workplace)s, %(device)s, %(agent)s, %(methods)s, %(proved_at)s, %(now)s,
        %(now)s, %(until)s);

-- session_of_digest
-- The session of a secret with all that its caller is made of, while it, the account and the workplace stand.
select s.session, s.device, s.methods, s.proved_at, s.seen_at, s.until, s.workplace is not null,
       a.account, a.kind, a.told, a.sealed_with, a.version, a.assurance, a.left_at,
       array(select record from account_record r
              where r.account = a.account and r.type = 'Patient' and r.until is null order by record),
       array(select record from account_record r
              where r.account = a.account and r.type = 'RelatedPerson' and r.until is null order by record),
       a.telephone_at, a.named_at, a.telephone_lost_at, a.is_shared,
       w.workplace, w.account, w.organisation, w.role, w.practitioner, w.licence, w.title, w.practising_since,
       exists (select from credential c
                where c.account = a.account and c.kind in ('totp', 'passkey') and c.ended_at is null),
       exists (select from credential c
                where c.account = a.account and c.kind = 'password' and c.handed_over and c.ended_at is null)
  from session s join account a using (account) left join workplace w on w.workplace = s.workplace and w.until is null
 where s.digest = %(digest)s and s.ended_at is null and s.until > %(now)s and a.left_at is null;

-- saw_session
-- A session was used, so it does not lie idle.
update session set seen_at = %(now)s where digest = %(digest)s and seen_at < %(now)s and ended_at is null;

-- sessions_of
-- The sessions of an account that are not ended, the last used first.
select session, workplace, agent, methods, since, seen_at, until
  from session
 where account = %(account)s and ended_at is null and until > %(now)s
 order by seen_at desc, session;

-- prove_session
-- Somebody proved again who he is.
update session set proved_at = %(now)s, methods = %(methods)s
 where session = %(session)s and ended_at is null and until > %(now)s
returning session;

-- end_session
-- One session of an account ends, in all workers.
update session set ended_at = %(now)s, ended_by = %(by)s
 where account = %(account)s and session = %(session)s and ended_at is null
returning session;

-- end_sessions_but
-- All sessions of an account end, but the one that is named.
update session set ended_at = %(now)s, ended_by = %(by)s
 where account = %(account)s and session <> %(but)s and ended_at is null
returning session;

-- end_sessions_at
-- All sessions from a place of work end.
update session set ended_at = %(now)s, ended_by = %(by)s
 where workplace = %(workplace)s and ended_at is null
returning session;

-- forget_sessions
-- Sessions that were over long ago.
delete from session where until < %(before)s;
