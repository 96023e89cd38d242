"""Stand-ins for outside services on laptops and in tests: their documented endpoints, fields and errors.

A stand-in signs anybody in and reads what is pushed, so config/checks.py refuses its address wherever members are
served.
"""
