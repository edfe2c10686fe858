"""Programs sign in here: OAuth 2.1, OpenID Connect, SMART App Launch 2, Backend Services."""
