"""The local platform: installs, starts and supervises the real servers and every function of the map."""
