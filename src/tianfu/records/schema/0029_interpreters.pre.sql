-- Who interprets in one visit as a third party: whom a guardian asked, whether he may see the picture, who agreed.
-- Only services/booking reads and writes it; rule: docs/rules/newborn-watching.md

-- `handle` and `named` are keyed digests of the telephone and real name, as of an invitation: nobody is looked for, and
-- no name is kept here.  `sees` has no default: the guardian said yes or no.  `until` is the end of the slot.
create table newborn_interpreter (
  interpreter text    primary key collate "C",
  visit       text    not null collate "C",
  baby        text    not null collate "C",
  guardian    text    not null collate "C",
  handle      bytea   not null,
  named       bytea   not null,
  sees        boolean not null,
  asked_at    bigint  not null,
  until       bigint  not null,
  accepted_by text    collate "C" references account,
  accepted_at bigint,
  declined_at bigint,
  agreed_by   text    collate "C",
  agreed_at   bigint,
  ended_at    bigint,
  check ((accepted_by is null) = (accepted_at is null)),
  check (accepted_at is null or declined_at is null),
  check (agreed_at is null or accepted_at is not null)
);
create index newborn_interpreter_visit on newborn_interpreter (visit) where ended_at is null;
create index newborn_interpreter_handle on newborn_interpreter (handle) where ended_at is null;
create index newborn_interpreter_account on newborn_interpreter (accepted_by);

grant select, insert, update on newborn_interpreter to tianfu_app;

-- Who may hear and speak and see nothing: one more act at the doors.
alter table room_connection drop constraint room_connection_action_check;
alter table room_connection add constraint room_connection_action_check
  check (action in ('whip-camera', 'whep-picture', 'whep-voice', 'whep-sound'));
