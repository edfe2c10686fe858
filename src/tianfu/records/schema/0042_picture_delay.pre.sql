-- How old the picture was, as a page estimates it from the media server on; null where it could not, and in rows from
-- before.  Rule: docs/rules/newborn-quality.md
alter table visit_quality add column delay_ms integer;
