"""A hub on the loopback, for the real client to fetch from."""
