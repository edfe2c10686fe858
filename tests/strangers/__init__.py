"""Every route and interaction of the whole application, as each kind of stranger."""
