"""A partner's platform for the command line's tests: a real HTTP server in a thread that plays the Receiver."""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

INVITATION_TOKEN = "the-invitation-token-of-the-peer"
FIRST_TOKEN = "the-first-token-of-the-peer"
SECOND_TOKEN = "the-second-token-of-the-peer"


class PartnerPeer:
    """DE-ABC, an eMSP on OCPI 2.2.1 that invited us.

    Attributes:
        requests: method and path of all that came, in order.
        secrets: every token that it gave or was given, in plain and in Base64.
        is_broken: answer everything with HTTP 500.
    """

    def __init__(self):
        self.requests = []
        self.is_broken = False
        self._tokens = {INVITATION_TOKEN, FIRST_TOKEN, SECOND_TOKEN}

    def __enter__(self):
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                peer._answer(self)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server's names

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.versions_url = f"{self.url}/versions"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *failure):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def secrets(self):
        return {form for each in self._tokens for form in (each, base64.b64encode(each.encode()).decode())}

    def _answer(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if body:
            self._tokens.add(json.loads(body)["token"])
        self.requests.append((handler.command, handler.path))
        envelope = {"status_code": 1000, "status_message": "OK", "timestamp": "2025-06-01T08:00:00Z"}
        data = self._data(handler.command, handler.path)
        content = json.dumps(envelope if data is None else envelope | {"data": data}).encode()
        handler.send_response(500 if self.is_broken else 200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _data(self, method, path):
        match method, path:
            case "GET", "/versions":
                return [{"version": "2.2.1", "url": f"{self.url}/2.2.1"}]
            case "GET", _:
                return {"version": "2.2.1", "endpoints": [self._endpoint("credentials"), self._endpoint("tokens")]}
            case "POST" | "PUT", _:
                return {
                    "token": FIRST_TOKEN if method == "POST" else SECOND_TOKEN,
                    "url": self.versions_url,
                    "roles": [
                        {
                            "role": "EMSP",
                            "country_code": "DE",
                            "party_id": "ABC",
                            "business_details": {"name": "Peer \x1b[31mred"},
                        }
                    ],
                }
        return None

    def _endpoint(self, module):
        return {"identifier": module, "role": "SENDER", "url": f"{self.url}/2.2.1/{module}"}
