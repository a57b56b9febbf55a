"""A local Phoenix that takes a while for everything, as one across the network does.

    python tests/bench/slow_phoenix.py SECONDS

It prints its port and serves until its standard input is closed.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))

from wire import serving

from phoenix_nbtrain.local.app import create_app

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        app = create_app(Path(folder), credentials=("key", "secret"))

        def slow(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            size = int(environ.get("CONTENT_LENGTH") or 0)
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(size))
            time.sleep(float(sys.argv[1]))
            return app(environ, start)

        with serving(slow) as port:
            print(port, flush=True)
            sys.stdin.read()
