-- Each look of a worker goes through what is not over; it is never much.
create index work_open on work (queue) where state in ('waiting', 'running');
