-- end_session
-- Remember a session that was ended before its time, until its ticket is over anyway.
insert into ended_session (session, until) values (%(session)s, %(until)s) on conflict do nothing;

-- is_ended
-- Whether a session was ended.
select exists (select from ended_session where session = %(session)s);

-- forget_ended
-- Sessions whose tickets are over need not be remembered.
delete from ended_session where until < %(now)s;
