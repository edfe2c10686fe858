"""What is handed to an operator: units of systemd and the configuration of nginx."""
