"""All sockets of a process at once: it is killed, and everybody comes back."""

from typing import Any

import MySQLdb

from tests.bench import load
from tests.bench.systems import LOAD_CORE, SYSTEMS, Lab, worker_of

WITHIN_S = 60


def storm(lab: Lab, sockets: int) -> dict[str, Any]:
    """Under the admission control that is shipped. Counts what the stores were asked meanwhile."""
    with lab.run(SYSTEMS["damso"], pairs=sockets // 2) as running:
        job = {
            "speech": "damso",
            "base": running.base,
            "devices": sockets,
            "credentials": running.credentials,
            "watched": running.watched,
            "core": LOAD_CORE,
            "steps": [
                ("arrive", {"number": sockets, "addresses": 4, "within_s": 2 * WITHIN_S}),
                ("idle", {"seconds": 3}),
                ("come_back", {"kill": worker_of(running), "addresses": 4, "within_s": WITHIN_S}),
            ],
            "at_most_s": 240,
        }
        asked = questions(lab)
        _arrived, _idle, back = load.perform(job)
        return {**back, "mysql_questions_both_times": questions(lab) - asked}


def questions(lab: Lab) -> int:
    """Statements that MariaDB has been asked so far."""
    with MySQLdb.connect(host="127.0.0.1", port=lab.mariadb.port, user="root") as mysql, mysql.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
        return int(cursor.fetchone()[1])
