-- Each row that somebody may see is asked for denials against him: where nobody denies anything there is nothing to
-- look at, and what opens records is not read a second time for it.
create index relation_denials on relation (patient, actor) where denies;
