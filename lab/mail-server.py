"""A real SMTP server on the loopback address, with STARTTLS and with TLS from the start: says each mail on its standard output, a line each."""
import email
import email.policy
import json
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

plain_port, tls_port, certificate, key, user, password = sys.argv[1:]


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('nobody@'):
            return '550 5.1.1 there is no such mailbox'
        if address.startswith('later@'):
            return '451 4.7.1 not now'
        envelope.rcpt_tos.append(address)
        return '250 2.1.5 taken'

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        said = {
            'from': envelope.mail_from,
            'to': envelope.rcpt_tos,
            'tls': session.ssl is not None or server.transport.get_extra_info('ssl_object') is not None,
            'user': session.auth_data,
            'headers': {name.lower(): str(value) for name, value in mail.items()},
            'text': mail.get_content(),
        }
        print(json.dumps(said), flush=True)
        return '250 2.0.0 taken'


def authenticate(server, session, envelope, mechanism, data):
    good = data.login.decode() == user and data.password.decode() == password
    return AuthResult(success=good, handled=False, auth_data=data.login.decode() if good else None)


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made


common = {'hostname': '127.0.0.1', 'authenticator': authenticate, 'auth_required': True}
servers = [
    Controller(Handler(), port=int(plain_port), tls_context=context(), auth_require_tls=True, **common),
    Controller(Handler(), port=int(tls_port), ssl_context=context(), auth_require_tls=False, **common),
]
for server in servers:
    server.start()
print('ready', flush=True)
threading.Event().wait()
