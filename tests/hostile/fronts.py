"""nginx and HAProxy as operators put them before the gateway: real processes, and the least that makes a reverse proxy.

Both keep their connections to the gateway and share them among clients: whatever one request leaves behind on such a
connection would be taken for a part of another's.
"""

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress

from tests.ports import free_ports

_PATIENCE_SECONDS = 20
_POLL_SECONDS = 0.02

_NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_max_body_size 1m; client_body_buffer_size 1m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream gateway {{ server 127.0.0.1:{gateway}; keepalive 16; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://gateway;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      {more}
    }}
  }}
}}
"""
_HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  timeout http-request 10s
frontend partners
  bind 127.0.0.1:{port}
  default_backend gateway
  {more}
backend gateway
  http-reuse always
  server one 127.0.0.1:{gateway}
"""
#: By front: its configuration, and the command that runs it in the foreground.
FRONTS = {
    "nginx": (_NGINX, ("nginx", "-e", "{folder}/error.log", "-p", "{folder}", "-c", "{file}")),
    "haproxy": (_HAPROXY, ("haproxy", "-db", "-f", "{file}")),
}


def program(name):
    """Where a front's program lies; None where it isn't installed."""
    return shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")


@contextmanager
def front(name, folder, gateway, *, more=""):
    """A front before the gateway's port; gives its own.

    Args:
        more: lines of configuration for the place where it takes requests.
    """
    (port,) = free_ports(1)
    configuration, command = FRONTS[name]
    file = folder / f"{name}.conf"
    file.write_text(configuration.format(folder=folder, gateway=gateway, port=port, more=more))
    words = [word.format(folder=folder, file=file) for word in command]
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen([program(name), *words[1:]], stdout=output, stderr=output)
    try:
        _await_listening(process, port, folder)
        yield port
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


def _await_listening(process, port, folder):
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, (folder / "output.log").read_text()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(_POLL_SECONDS)
    raise AssertionError("the front did not start in time")
