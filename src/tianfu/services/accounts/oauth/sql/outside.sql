-- begin_outside
-- Keep a sign-in that is on its way to another provider.
insert into outside_sign_in (digest, provider, browser, until)
values (%(digest)s, %(provider)s, %(browser)s, %(until)s);

-- finish_outside
-- A sign-in that came back; it comes back once.
delete from outside_sign_in where digest = %(digest)s and until > %(now)s returning provider, browser;

-- forget_outside
-- Forget sign-ins that nobody finished.
delete from outside_sign_in where until <= %(now)s;

-- outside_account
-- Whose account another's subject names; no row if nobody's, or if its owner has left.
select account.account from outside_account join account using (account)
 where issuer = %(issuer)s and subject = %(subject)s and until is null and left_at is null;

-- hold_outside
-- Let nobody take a link away until this transaction ends; nothing if it is gone.
select account from outside_account
 where account = %(account)s and issuer = %(issuer)s and subject = %(subject)s and until is null for share;

-- link_outside
-- Let another's subject name an account; no row is changed if it names one already.
insert into outside_account (issuer, subject, account, since, by)
values (%(issuer)s, %(subject)s, %(account)s, %(now)s, %(by)s) on conflict do nothing;

-- unlink_outside
-- Let it name none any more.
update outside_account set until = %(now)s where account = %(account)s and issuer = %(issuer)s and until is null;

-- unlink_all_outside
-- Let no provider name it any more.
update outside_account set until = %(now)s where account = %(account)s and until is null;

-- outside_links
-- Which providers name an account, the oldest first.
select issuer, since from outside_account where account = %(account)s and until is null order by since, issuer;
