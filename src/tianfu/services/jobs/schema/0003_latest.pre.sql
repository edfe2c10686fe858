-- What a running work shows of itself, as its kind writes it; it is gone once the work has ended.
alter table work add column latest text not null default '' collate "C" check (octet_length(latest) <= 16384);
