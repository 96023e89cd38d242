"""The examples of docs/api.md, run in one shell as a reader would, against a served application."""

import json
import re
import subprocess
from pathlib import Path

from dev.stack.served import Served

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
EXAMPLES = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_examples_of_the_guide_work_in_their_order(docs_service: Served) -> None:
    examples = EXAMPLES.findall(GUIDE.read_text())
    script = "\necho\n".join(examples).replace("http://127.0.0.1:8001", docs_service.base_url)
    assert docs_service.base_url in script

    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("curl -sS", "curl -sS --fail-with-body -w '\\n'")],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ran.stderr, ran.returncode) == ("", 0), ran.stdout
    answers = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    me, main = answers[0], next(answer for answer in answers if "phase" in answer)
    sent = next(answer for answer in answers if answer.get("client_id") == "first")
    history = next(answer for answer in answers if "results" in answer)
    assert me["profile"]["nickname"] == "도토리"
    assert main["phase"] == "matched"
    assert history["results"] == [sent]
    assert (sent["seq"], sent["text"]) == (1, "안녕하세요")
