"""Real servers for a laptop and for tests: on free ports of 127.0.0.1, their data in a directory of the caller's."""
