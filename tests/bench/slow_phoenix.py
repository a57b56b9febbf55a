"""A Phoenix that takes a while for everything, as one across the network does.

    python tests/bench/slow_phoenix.py SECONDS

It prints its port and serves until its standard input is closed. A thread per connection, so that
requests wait side by side; images are read from the wire and not looked at, so that what is
measured is the client. It keeps what it must to be consistent: a model's name, type and training
images.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 0.05

numbers = itertools.count(1)
models: dict[str, dict[str, Any]] = {}
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(SECONDS)
        path = self.path.partition("?")[0].removeprefix("/v1/").split("/")
        reply = json.dumps(self.reply(path, content)).encode()
        head = f"Content-Type: application/json\r\nContent-Length: {len(reply)}\r\n\r\n"
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" + head.encode() + reply)  # in one packet

    do_GET = do_POST = do_PUT = answer

    def reply(self, path: list[str], content: bytes) -> dict[str, Any]:
        if path == ["assets"]:
            return {"asset": asset(f"asset_{next(numbers):08d}")}
        body = json.loads(content) if content else {}
        if path[0] == "assets":
            ids = body["assetIds"] if path[1] == "get-bulk" else [path[1]]
            found = [asset(i, body.get("description", "")) for i in ids]
            return {"assets": found, "asset": found[0]}
        if path == ["models"] and self.command == "GET":
            return {"models": list(models.values())}
        if path == ["models"]:
            model = {"id": f"model_{next(numbers)}", "status": "new", "trainingImages": [], **body}
            models[model["id"]] = model
            return {"model": model}
        model = models[path[1]]
        if path[2:] == ["training-images"]:
            ids = body.get("assetIds") or [body["assetId"]]
            with lock:
                model["trainingImages"] += (added := [asset(i) for i in ids])
            return {"trainingImage": added[0], "trainingImages": added}
        model.update(body)
        return {"model": model}

    def log_message(self, *_: object) -> None:
        pass


def asset(asset_id: str, description: str = "") -> dict[str, Any]:
    return {"id": asset_id, "name": "", "description": description}


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
