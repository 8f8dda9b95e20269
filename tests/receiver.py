"""A real HTTP server that takes what is sent to it, and answers what a test has it answer."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """``received``: headers and body of each message that was answered with 2xx."""

    def __init__(self, status=204):
        self.received, self.refused, self.status = [], [], status
        self.before_answer = lambda: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.before_answer()
                taken = receiver.received if receiver.status < 300 else receiver.refused
                taken.append((self.headers, body))
                self.send_response(receiver.status)
                self.send_header("Location", receiver.url)
                self.end_headers()

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/deployed?of=news"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        """From now on connections are refused."""
        self._server.shutdown()
        self._server.server_close()
