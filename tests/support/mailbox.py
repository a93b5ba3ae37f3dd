"""A mail server for tests: mailbox.py PORT DIR [CERT KEY].

What it takes is appended to DIR/mails: the envelope in a line, the mail, and a
line of dots. DIR/reply, when it is there, is the reply to every DATA instead;
"mute" is no reply at all. With a certificate it offers STARTTLS, and takes
nothing from who has not signed in as web with the password 'open sesame'.
"""
import asyncio
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

port, folder = int(sys.argv[1]), sys.argv[2]
tls = None
if len(sys.argv) > 3:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[3], sys.argv[4])


class Box:
    async def handle_DATA(self, server, session, envelope):
        reply = os.path.join(folder, 'reply')
        if os.path.exists(reply):
            with open(reply) as file:
                text = file.read().strip()
            if text == 'mute':
                await asyncio.sleep(3600)
            return text
        with open(os.path.join(folder, 'mails'), 'ab') as file:
            line = '%s %s %s\n' % (envelope.mail_from, envelope.rcpt_tos,
                                   session.ssl is not None)
            file.write(line.encode() + envelope.content + b'.....\n')
        return '250 taken'


def sign_in(server, session, envelope, mechanism, data):
    fine = data.login == b'web' and data.password == b'open sesame'
    return AuthResult(success=fine)


def new():
    return SMTP(Box(), tls_context=tls, require_starttls=tls is not None,
                auth_required=tls is not None, authenticator=sign_in)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(loop.create_server(new, '127.0.0.1', port))
loop.run_forever()
