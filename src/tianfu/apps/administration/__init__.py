"""Pages for the security administrator, who keeps staff, and the system administrator, who keeps organisations."""
