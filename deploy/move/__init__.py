"""Moves MySQL's database to another server while the service writes on. docs/move-database.md

It runs with the packages of the image, started by deploy/bin/move-database. Nothing here knows Django. Why rows are
copied and applied by us and not by the servers' own replication: docs/decisions/0018.
"""
