-- What newborn visits need that is no record: who asks to be known as a guardian, papers of the ward, what a ward has
-- set, which places of a slot are taken, who waits, and whom a guardian invited.  The visit itself is an Appointment.
-- Only services/booking reads and writes these; rule: docs/rules/newborn-booking.md

-- A paper that the ward gave to a mother; `digest` is keyed, so a copy of the table tells no code.
create table newborn_paper (
  digest  bytea  primary key,
  baby    text   not null collate "C",
  ward    text   not null collate "C",
  by      text   not null collate "C",
  made_at bigint not null,
  until   bigint not null,
  used_at bigint,
  used_by text   collate "C"
);

-- Somebody asks to be known as a baby's guardian.  `baby` is empty where what he typed fits nobody: then nobody at the
-- ward sees it, and it waits and ends as every other.
create table newborn_claim (
  claim       text   primary key collate "C",
  account     text   not null collate "C" references account,
  baby        text   collate "C",
  ward        text   collate "C",
  relation    text   not null collate "C",
  certificate text   not null collate "C",
  asked_at    bigint not null,
  until       bigint not null,
  answer      text   collate "C" check (answer in ('approved', 'declined', 'withdrawn')),
  answered_by text   collate "C",
  answered_at bigint,
  related     text   collate "C",
  check ((answer is null) = (answered_at is null)),
  check ((baby is null) = (ward is null))
);
create index newborn_claim_account on newborn_claim (account);
create index newborn_claim_ward on newborn_claim (ward) where answer is null;
create index newborn_claim_related on newborn_claim (related);

-- What a ward has set, with effect from a day on; a later row of the same day goes before an earlier one.
create table newborn_policy (
  ward     text    not null collate "C",
  number   integer not null,
  from_day date    not null,
  said     text    not null collate "C",
  by       text    not null collate "C",
  at       bigint  not null,
  primary key (ward, number)
);

-- A place of a slot; its name is the id of the Appointment.  One that was held and never confirmed is free again after
-- a while.
create table newborn_place (
  place         text    primary key collate "C",
  ward          text    not null collate "C",
  baby          text    not null collate "C",
  related       text    not null collate "C",
  starts        bigint  not null,
  ends          bigint  not null,
  held_at       bigint  not null,
  is_confirmed  boolean not null default false,
  by_staff      boolean not null,
  waited_since  bigint,
  freed_at      bigint,
  freed_by      text    collate "C" check (freed_by in ('family', 'ward')),
  freed_reason  text    collate "C",
  told_day      bigint,
  told_soon     bigint
);
create index newborn_place_ward on newborn_place (ward, starts);
create index newborn_place_baby on newborn_place (baby, starts);
create index newborn_place_related on newborn_place (related, starts) where freed_at is null;
create unique index newborn_place_once on newborn_place (baby, starts) where freed_at is null;

-- That a family waits for a slot.
create table newborn_wish (
  wish     text   primary key collate "C",
  ward     text   not null collate "C",
  baby     text   not null collate "C",
  related  text   not null collate "C",
  starts   bigint not null,
  ends     bigint not null,
  since    bigint not null,
  ended_at bigint,
  outcome  text   collate "C" check (outcome in ('moved-up', 'withdrawn', 'over'))
);
create unique index newborn_wish_once on newborn_wish (baby, starts) where ended_at is null;
create index newborn_wish_slot on newborn_wish (ward, starts) where ended_at is null;

-- A relative whom a guardian invited; `handle` and `named` are keyed digests of the telephone and real name, so that
-- nobody is looked for, and whoever bears both sees it.  Who it is stands in the RelatedPerson `related`.
create table newborn_invitation (
  invitation  text   primary key collate "C",
  ward        text   not null collate "C",
  baby        text   not null collate "C",
  guardian    text   not null collate "C",
  related     text   not null collate "C",
  handle      bytea  not null,
  named       bytea  not null,
  asked_at    bigint not null,
  accepted_by text   collate "C" references account,
  accepted_at bigint,
  ended_at    bigint
);
create index newborn_invitation_handle on newborn_invitation (handle) where ended_at is null;
create index newborn_invitation_baby on newborn_invitation (baby) where ended_at is null;

grant select, insert, update on newborn_paper, newborn_claim, newborn_policy, newborn_place, newborn_wish,
  newborn_invitation to tianfu_app;
