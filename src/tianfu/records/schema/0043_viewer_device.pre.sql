-- The thumbprint (RFC 7638) of the device's key by which somebody came in last: on another one he proves anew that it is he.
-- Empty in rows from before.  Rule: docs/rules/newborn-watching.md
alter table visit_viewer add column device text not null collate "C" default '';
