"""Programs that act for people: clients, codes, tokens, keys (OAuth 2.1, OpenID Connect, SMART App Launch 2)."""
