"""The product's worker process, as `proctor worker` runs it."""

import os
import sys
from pathlib import Path

from proctor.settings import Settings
from workers.process import work
from workers.wiring import build

if __name__ == "__main__":
    code = work(Settings.load(os.environ, Path.cwd()), build)
    sys.stdout.flush()
    os._exit(code)  # A Python process that used a Temporal client may crash at exit (sdk-python#300).
