"""What happened in a run, in the order in which it was seen: the checker's evidence, and a failed run's story."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What is noted, by whom. Devices: CONNECTED, SYNC, SEEN, SENT, ACKED, REFUSED, LOST. The rest is for the reader.
CONNECTED, SYNC, SEEN, SENT, ACKED, REFUSED, LOST = "connected", "sync", "seen", "sent", "acked", "refused", "lost"
LEFT, FAULT, HEALED, CALM, WRONG = "left", "fault", "healed", "calm", "wrong"


@dataclass(frozen=True)
class Happening:
    at: float  # seconds since the run began
    who: str
    what: str
    facts: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.facts[name]

    def as_line(self) -> str:
        return json.dumps({"at": round(self.at, 4), "who": self.who, "what": self.what, **self.facts})


@dataclass
class History:
    happenings: list[Happening] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def note(self, who: str, what: str, **facts: Any) -> None:
        self.happenings.append(Happening(time.monotonic() - self.began, who, what, facts))

    def of(self, *what: str) -> Iterator[Happening]:
        return (each for each in self.happenings if each.what in what)

    def write(self, path: Path) -> None:
        path.write_text("".join(f"{each.as_line()}\n" for each in self.happenings))
