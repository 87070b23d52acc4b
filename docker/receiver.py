"""Stands for the API of a shop: takes PUT and DELETE, and prints them."""

import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8081
printing = threading.Lock()


class Receiver(BaseHTTPRequestHandler):
    # Keeps connections.
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        length = int(self.headers.get("Content-Length", 0))
        document = self.rfile.read(length).decode()
        self.accept(f"PUT    {self.path}  {document}")

    def do_DELETE(self):
        self.accept(f"DELETE {self.path}")

    def accept(self, line):
        with printing:
            print(line, flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Requests are printed above, and nothing else is worth a line."""


if __name__ == "__main__":
    # The first process of a container ignores signals that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print(f"listening on port {PORT}", flush=True)
    ThreadingHTTPServer(("", PORT), Receiver).serve_forever()
