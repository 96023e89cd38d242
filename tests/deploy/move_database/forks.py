"""`python -m tests.deploy.move_database.forks`: deploy.move, imported once, as a process of its own for each call.

A line of input is the arguments as JSON, a line of output what became of them: [exit code, what was said].
"""

import json
import os
import sys
import traceback
from collections.abc import Sequence

from deploy.move.__main__ import main


def called(arguments: Sequence[str]) -> tuple[int, str]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _be(arguments, writer)
    os.close(writer)
    with open(reader, encoding="utf-8") as said:
        output = said.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), output


def _be(arguments: Sequence[str], output: int) -> None:
    code = 1
    try:
        for standard in (1, 2):
            os.dup2(output, standard)
        sys.argv[1:] = arguments
        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(called(json.loads(line))), flush=True)
