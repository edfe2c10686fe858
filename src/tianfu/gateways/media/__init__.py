"""Where live pictures come in and go out: WHIP, WHEP and what follows on a connection."""
