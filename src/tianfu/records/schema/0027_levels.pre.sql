-- How much of the picture the media server sends a viewer now, as it told last; whoever comes in anew begins with all.
-- Only services/realtime reads and writes it; rule: docs/rules/newborn-watching.md
alter table visit_viewer add column level text not null collate "C" default 'full';
