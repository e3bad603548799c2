"""HTTPS server that takes NTLM logins by gss-ntlmssp, which verifies the channel binding to the certificate given.

Arguments: certificate and key of the server (PEM), certificate that logins have to be bound to (PEM, signed with
SHA-256), NTLM user file. Prints its port; answers a login with the user's name. Ends when its standard input does.
"""

import base64
import hashlib
import os
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CERTIFICATE, KEY, BOUND_TO, USERS = sys.argv[1:5]
os.environ["NTLM_USER_FILE"] = USERS
os.environ["LM_COMPAT_LEVEL"] = "5"

import gssapi  # noqa: E402  reads the environment
from gssapi.raw import ChannelBindings  # noqa: E402

NTLMSSP = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
with open(BOUND_TO, encoding="ascii") as file:
    DIGEST = hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).digest()
BINDINGS = ChannelBindings(application_data=b"tls-server-end-point:" + DIGEST)


class Connection(BaseHTTPRequestHandler):
    """One object serves one TCP connection."""

    protocol_version = "HTTP/1.1"
    context = None
    user = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme == "NTLM":
            self.log_in(base64.b64decode(token), body)
        elif self.user is not None:
            self.answer(200, f"{self.user} {len(body)}")
        else:
            self.answer(401, "", "NTLM")

    def log_in(self, token, body):
        self.user = None
        if token[8] == 1:
            credentials = gssapi.Credentials(usage="accept", mechs=[NTLMSSP])
            self.context = gssapi.SecurityContext(usage="accept", creds=credentials, channel_bindings=BINDINGS)
        try:
            answer = self.context.step(token)
        except gssapi.exceptions.GSSError:
            self.answer(401, "", "NTLM")
            return
        if not self.context.complete:
            self.answer(401, "", "NTLM " + base64.b64encode(answer).decode())
            return
        self.user = str(self.context.initiator_name).rstrip("\0")
        self.answer(200, f"{self.user} {len(body)}")

    def answer(self, status, text, challenge=None):
        self.send_response(status)
        if challenge is not None:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
server.daemon_threads = True
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(CERTIFICATE, KEY)
server.socket = tls.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
