-- Numbers change hands and proofs grow old: since when nobody proved a telephone or a real name again.
-- Rule: docs/rules/growing-old.md

-- `telephone_at` is when the number last opened this account by a code, `named_at` when its real name was last proved;
-- whatever is 0 is over.  An account whose number another person holds now has no handle, and says since when.
-- `is_shared` says that others hold the telephone too, so that a code alone opens nothing.
alter table account add column telephone_at bigint not null default 0;
alter table account add column named_at bigint not null default 0;
alter table account add column telephone_lost_at bigint;
alter table account add column is_shared boolean not null default false;
alter table account alter column handle drop not null;
alter table account add constraint account_of_staff_has_handle check (kind = 'resident' or handle is not null);

update account a
   set telephone_at = coalesce((select max(s.since) from session s where s.account = a.account and 'sms' = any(s.methods)),
                               a.created_at),
       named_at = case when a.assurance >= 2 then a.created_at else 0 end
 where a.kind = 'resident';

-- A paper that a registration desk gave somebody who showed his document there: who brings it and that document's
-- number is that person.  `digest` is keyed and of both, so the table tells neither.
create table desk_paper (
  digest  bytea  primary key,
  by      text   not null collate "C" references account,
  made_at bigint not null,
  until   bigint not null,
  used_at bigint,
  used_by text   collate "C" references account
);
create index desk_paper_until on desk_paper (until);

grant select, insert, update, delete on desk_paper to tianfu_app;
