"""What is looked at, one module a subject; each check is on its own and bounded in time."""
