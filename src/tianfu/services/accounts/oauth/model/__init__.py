"""What an authorisation server decides; pure."""
