-- add_client
-- Register a program.
insert into oauth_client (client, kind, name, secret, keys, keys_at, redirects, launch_at, scopes, organisation, role,
                          registered_at, registered_by)
values (%(client)s, %(kind)s, %(name)s, %(secret)s, %(keys)s, %(keys_at)s, %(redirects)s, %(launch_at)s, %(scopes)s,
        %(organisation)s, %(role)s, %(now)s, %(by)s);

-- client
-- One program, disabled ones included.
select client, kind, name, redirects, scopes, keys, keys_at, launch_at, organisation, role, secret,
       disabled_at is not null
  from oauth_client where client = %(client)s;

-- clients
-- All programs, the newest first.
select client, kind, name, redirects, scopes, keys, keys_at, launch_at, organisation, role, secret,
       disabled_at is not null
  from oauth_client order by registered_at desc, client limit %(limit)s;

-- disable_client
-- Let a program in no more; its tokens end within a second, because each look at them looks here.
update oauth_client set disabled_at = %(now)s, disabled_by = %(by)s where client = %(client)s and disabled_at is null;

-- replace_keys
-- Give a program that signs assertions another set of keys.
update oauth_client set keys = %(keys)s where client = %(client)s and keys is not null and disabled_at is null;

-- use_assertion
-- Remember an assertion; no row is changed if it was shown before.
insert into oauth_assertion (client, jti, until) values (%(client)s, %(jti)s, %(until)s) on conflict do nothing;

-- forget_assertions
-- Forget assertions that are over, and so refused anyway.
delete from oauth_assertion where until < %(now)s;

-- add_launch
-- Keep a handle by which a page of ours starts a program for one patient.
insert into oauth_launch (digest, client, session, patient, until)
values (%(digest)s, %(client)s, %(session)s, %(patient)s, %(until)s);

-- launch
-- The patient of a handle that is still good for this program in this session.
select patient from oauth_launch
 where digest = %(digest)s and client = %(client)s and session = %(session)s and until > %(now)s;

-- use_launch
-- The same, and the handle is used up.
delete from oauth_launch
 where digest = %(digest)s and client = %(client)s and session = %(session)s and until > %(now)s returning patient;

-- forget_launches
-- Forget handles that are over.
delete from oauth_launch where until < %(now)s;
