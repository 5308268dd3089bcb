"""`python -m benchmarks.tau2.witness JOURNAL HOLD_S COMMAND…`: an MCP server, with a witness before it.

Passes every message on, and writes the key of each call to JOURNAL before the server gets it. Calls that carry a key
are held up at random, at most HOLD_S before and after, so that a kill finds them at every point.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

KEY = "proctor/idempotencyKey"


def main(journal: Path, hold_s: float, command: list[str]) -> int:
    """Stand between until our input ends."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for line in sys.stdin:
            message = json.loads(line)
            held = _witnessed(message, journal)
            _pause(hold_s if held else 0)
            server.stdin.write(line)
            server.stdin.flush()
            if "id" in message:
                answer = server.stdout.readline()
                _pause(hold_s if held else 0)
                sys.stdout.write(answer)
                sys.stdout.flush()
        server.stdin.close()
    return 0


def _witnessed(message: dict[str, Any], journal: Path) -> bool:
    if message.get("method") != "tools/call":
        return False
    key = message["params"].get("_meta", {}).get(KEY)
    if key is None:
        return False
    with journal.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"key": key, "tool": message["params"]["name"]}) + "\n")
    return True


def _pause(most_s: float) -> None:
    if most_s:
        time.sleep(random.uniform(0, most_s))


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
