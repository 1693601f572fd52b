"""The two streams: the answer on stdout, the talk on stderr."""
