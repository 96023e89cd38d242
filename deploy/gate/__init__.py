"""The gate of a deploy: synthetic pairs chat through nginx before, during and after the switch, and every loss is seen.

It runs with the packages of the image it lets through, started by deploy/lib/gate.sh; the tests drive the same crowd
harder (tests/deploy). Nothing here knows Django.
"""
