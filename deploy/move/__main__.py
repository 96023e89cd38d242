"""`python -m deploy.move COMMAND`, which deploy/bin/move-database starts; what it can do is told there.

Ends with 0: done; 1: refused or failed, and the message says what to do; 2: wrong arguments or settings; 3: the sides
differ; 75: another run is at work; 130: stopped (start: 0). A run may be killed at any moment: the next one goes on
from what it finds.
"""

import argparse
import os
import sys
from pathlib import Path

import pymysql

from deploy.move import changing, status
from deploy.move.checks import check_before
from deploy.move.move import SOURCE, TARGET, Busy, Move
from deploy.move.words import Different, Refused, Stop, Stopped, say

COMMANDS = ("check", "start", "status", "verify", "cut-over", "back", "abandon", "finish")
FAILED, WRONG, DIFFERENT, BUSY, STOPPED = 1, 2, 3, 75, 130


def main() -> int:
    parser = argparse.ArgumentParser(prog="move-database")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument(
        "--until-level", action="store_true", help="start: end when the copy is level, follow no longer"
    )
    parser.add_argument(
        "--yes", action="store_true", help="abandon, finish: without it they only say what they would do"
    )
    parser.add_argument(
        "--changed-only",
        action="store_true",
        help="cut-over, back: right after a change of sides, which has compared all rows: only what changed since",
    )
    parser.add_argument("--attended", action="store_true", help="start: end when standard input does")
    parser.add_argument("--directory", type=Path, default=Path(os.environ.get("MOVE_DIR", "/srv/damso/secrets/move")))
    options = parser.parse_args()
    # These must not end half-way for a terminal that is lost.
    stop = Stop(needs_terminal=options.command not in ("cut-over", "back"), needs_input=options.attended)
    try:
        move = Move(options.directory, stop)
    except Refused as refusal:
        say(str(refusal))
        return WRONG
    except pymysql.err.MySQLError as error:
        say(f"A server can't be reached: {error}")
        return FAILED
    return _ended(move, options)


def _ended(move: Move, options: argparse.Namespace) -> int:
    try:
        _do(move, options)
    except Different as difference:
        say(str(difference))
        return DIFFERENT
    except Refused as refusal:
        say(str(refusal))
        return FAILED
    except Stopped:
        say("Stopped. Run the same again to go on.")
        return 0 if options.command == "start" else STOPPED  # a deploy must not take it for a change of sides
    except Busy:
        say("Another run is at work: end it first (Ctrl-C or SIGTERM), then run this again.")
        return BUSY
    except pymysql.err.IntegrityError as error:
        say(f"A row could not be written, somebody else writes there: {error}. Nothing of its batch was.")
        return FAILED
    except (pymysql.err.MySQLError, ConnectionError) as error:
        say(f"A server does not answer as it should: {error}. Run the same again to go on.")
        return FAILED
    return 0


def _do(move: Move, options: argparse.Namespace) -> None:
    command = options.command
    if command == "status":
        status.tell(move)
    elif command == "check" and move.journal is None:
        check_before(move.source, move.target)
    elif command == "check":
        raise Refused("A move has begun: see status.")
    elif command in ("abandon", "finish") and not options.yes:
        status.tell(move)
        raise Refused(f"With --yes it would {command}: see move-database --help.")
    else:
        move.lock()
        changing.settle(move)
        _change(move, options)


def _change(move: Move, options: argparse.Namespace) -> None:
    match options.command:
        case "start":
            move.begin()
            move.catch_up()
            if options.until_level:
                say("Level.")
            else:
                move.follow()
        case "verify":
            changing.verify(move)
        case "cut-over":
            changing.change_sides(move, TARGET, changed_only=options.changed_only)
        case "back":
            changing.change_sides(move, SOURCE, changed_only=options.changed_only)
        case "abandon":
            changing.abandon(move)
        case "finish":
            changing.finish(move)


if __name__ == "__main__":
    sys.exit(main())
