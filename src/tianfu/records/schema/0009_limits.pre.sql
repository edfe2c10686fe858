-- How much each caller may still ask, and which sessions were ended before their time.

-- A full bucket needs no row.  Not logged: after a crash of the server every bucket is full again, and no request
-- ever waits for the disk because of a limit.
create unlogged table token_bucket (
  caller  text             not null collate "C",
  class   text             not null collate "C",
  tokens  double precision not null,
  granted double precision not null,
  at      bigint           not null,
  primary key (caller, class)
) with (fillfactor = 50);

create index token_bucket_at on token_bucket (at);

-- This one is logged: who has left must stay out, whatever happens.
create table ended_session (
  session text   primary key collate "C",
  until   bigint not null
);

grant select, insert, update, delete on token_bucket to tianfu_app;
grant select, insert, delete on ended_session to tianfu_app;
