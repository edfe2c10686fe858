-- begin_step
-- A sign-in that has passed a step and waits for the next one.
insert into sign_in_step (step, account, told, until) values (%(step)s, %(account)s, %(told)s, %(until)s);

-- step
-- What a sign-in that waits has come to.
select told, until from sign_in_step where step = %(step)s and until > %(now)s;

-- take_step
-- A step is gone on from once: of several who do at one moment, one may.
delete from sign_in_step where step = %(step)s and until > %(now)s returning step;

-- end_steps
-- Whoever left, or ended all sessions, goes on with no sign-in that waits.
delete from sign_in_step where account = %(account)s;

-- forget_steps
-- Sign-ins that nobody went on with.
delete from sign_in_step where until <= %(now)s;
