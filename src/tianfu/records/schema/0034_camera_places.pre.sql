-- One address is one camera's among those in use: two at one address would show one baby at two beds.  The address lies
-- sealed, so a keyed digest of host, port, path and query stands beside it (`place`), and for which revision it was
-- taken (`placed`).  SQL opens no seal: for cameras that were there before, the program writes it as it next changes one
-- or begins to pull one; until then both are null.  Where two stand at one address already, neither gets a digest and
-- neither is pulled until one has another address or is used no more.  Rule: docs/how-to/register-a-camera.md
alter table camera add column place bytea, add column placed int,
  add check ((place is null) = (placed is null)),
  add check (place is null or kind = 'rtsp');
create unique index camera_place on camera (place) where is_on;
