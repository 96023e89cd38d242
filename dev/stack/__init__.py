"""Real servers for a laptop and for tests: started on a free port of 127.0.0.1, with their data in a directory you give."""
