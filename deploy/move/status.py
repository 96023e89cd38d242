"""How a move stands: looked up in both servers, changes nothing, waits for nobody."""

import time

from deploy.move import door, notes
from deploy.move.move import Move
from deploy.move.place import Place
from deploy.move.words import say


def tell(move: Move) -> None:
    if move.journal is None:
        say("No move has begun here.")
        return
    say(f"phase     {move.journal.phase}")
    say(f"origin    {move.origin.name}: its writes count, the {move.copy.name} is its copy")
    for place in (move.source, move.target):
        say(f"{place.name:9} {'closed: the application may read alone' if door.is_closed(place) else 'open'}")
    say(f"run       {'at work' if _is_locked(move.target) else 'none: nobody follows'}")
    if move.journal.phase == notes.COPYING:
        for name, number, is_done in move.target.ask(f"SELECT name, number, is_done FROM {notes.DATABASE}.copied"):
            say(f"copied    {name}: {number} rows{'' if is_done else ' so far'}")
        return
    applied, end = notes.read_position(move.copy), move.origin.position()
    say(f"applied   {applied} of {end}")
    if applied.is_before(end):
        say(f"          the last of it was written {max(0, int(time.time()) - notes.written_at(move.copy))} s ago")


def _is_locked(place: Place) -> bool:
    return place.ask("SELECT IS_USED_LOCK(%s)", (notes.LOCK,)) != [(None,)]
