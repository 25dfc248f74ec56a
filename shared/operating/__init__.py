"""What operators see and do: stops with an author and an end, vendors, accounts, lanes, dead letters, alarms."""
