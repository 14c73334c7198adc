#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The SIP floor as the calling side (RFC 3261 UAC), against a scripted peer: early dialogs, forks, PRACK, CANCEL."""
import socket
import sys
import tempfile
import threading
import time

from lab import run_tests
from sip_floor import Dialog, Floor

REL = 'Require: 100rel\r\nRSeq: {}\r\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE'
DIGITS = '2079461111'


def reliable(f, invite, status, tag, rseq, body=''):
    f.peer.respond(invite, status, tag=tag, extra=REL.format(rseq), body=body)


def prack(f, call_id, answer=200, **kw):
    message = f.peer.wait(call_id, 'PRACK')
    f.peer.respond(message, answer, **kw)
    return message


def call_and_release():
    with Floor() as f:
        d, invite = f.call_out(options='from=+442079461111 name=Bob')
        assert invite.uri == f'sip:+442079460000@{f.peer_name};user=phone'
        assert '"Bob" <sip:+442079461111@127.0.0.1;user=phone>;tag=' in invite.get('from')
        assert invite.get('p-asserted-identity') == '"Bob" <sip:+442079461111@127.0.0.1;user=phone>'
        assert not invite.get('privacy') and invite.get('max-forwards') == '70'
        assert '100rel' in invite.get('supported') and 'timer' in invite.get('supported')
        assert invite.media[2] == ['8', '0', '101']
        d.respond(100)
        d.respond(180)
        assert 'inband=0 status=180' in f.expect('alerting 1')
        d.respond(200, body=f.media(), extra='P-Asserted-Identity: <sip:+4412@x>')
        f.expect('answer 1 media=127.0.0.2:30000')
        assert 'connected=+4412' in f.expect('connect 1')
        ack = f.peer.wait(d.call_id, 'ACK')
        assert ack.uri == f.peer.contact.strip('<>') and ack.cseq == invite.cseq and not ack.body
        f.do('release 1 16 0')
        bye = d.expect_bye()
        assert bye.cseq > invite.cseq and 'cause=16' in bye.get('reason')
        f.expect('released 1 cause=16 location=0 status=0 peer=0')


def over_tcp():
    with Floor(transport='tcp') as f:
        d = f.answered_out()
        assert 'Via: SIP/2.0/TCP' in d.invite.raw.decode() and ';transport=tcp' in d.invite.get('contact')
        assert d.bye().status == 200
        f.expect('released 1')


def over_ipv6():
    with Floor(ip='::1') as f:
        d = f.answered_out()
        assert 'IN IP6 ::1' in d.invite.body
        assert d.bye().status == 200


def early_media_orders():
    # 180, 183+SDP, 180 again, 181, 183 without: what the user hears of each
    with Floor() as f:
        d, invite = f.call_out()
        d.respond(183)
        f.expect('proceeding 1 inband=0 status=183')
        d.respond(180)
        f.expect('alerting 1 inband=0')
        d.respond(183, body=f.media())
        f.expect('answer 1')
        f.expect('progress 1 inband=1')
        d.respond(180)
        f.expect('alerting 1 inband=1')
        d.respond(181)
        f.expect('proceeding 1')
        d.respond(200, body=f.media())
        assert 'connect' in f.expect('connect|answer'), 'the same answer is not told twice'
        f.peer.wait(d.call_id, 'ACK')
        d.bye()


def answer_that_changes():
    with Floor() as f:
        d, invite = f.call_out()
        d.respond(183, body=f.media())
        f.expect('answer 1 .*codecs=PCMA/8')
        d.respond(200, body=f.media(codecs=(0,)))
        f.expect('answer 1 .*codecs=PCMU/0')
        f.peer.wait(d.call_id, 'ACK')


def reliable_provisionals():
    with Floor() as f:
        d, invite = f.call_out()
        reliable(f, invite, 183, d.tag, 7, f.media())
        f.expect('answer 1')
        first = prack(f, d.call_id)
        assert first.get('rack') == f'7 {invite.cseq} INVITE' and first.cseq == invite.cseq + 1
        assert first.to_tag == d.tag and not first.get('route')
        reliable(f, invite, 183, d.tag, 7, f.media())
        reliable(f, invite, 180, d.tag, 9)
        assert not f.peer.quiet(d.call_id), 'neither a repeated nor a premature response is PRACKed'
        reliable(f, invite, 180, d.tag, 8)
        f.expect('alerting 1')
        assert prack(f, d.call_id).get('rack').startswith('8 ')
        d.respond(200)
        f.expect('connect 1')
        f.peer.wait(d.call_id, 'ACK')
        d.bye()


def three_tags():
    # Three branches with reliable 183s, 200 from the second, late 200 from the third: RFC 3261 13.2.2.4
    with Floor() as f:
        d, invite = f.call_out()
        for tag, rseq, port in ('aaa', 7, 30000), ('bbb', 3, 31000), ('ccc', 9, 32000):
            body = f.media().replace('30000', str(port))
            reliable(f, invite, 183, tag, rseq, body)
            message = prack(f, d.call_id)
            assert message.to_tag == tag and message.get('rack').startswith(f'{rseq} '), message.raw
            f.expect(f'answer 1 media=127.0.0.2:{port}')
        f.peer.respond(invite, 200, tag='bbb')
        f.expect('connect 1')
        assert f.peer.wait(d.call_id, 'ACK').to_tag == 'bbb'
        for _ in range(2):
            f.peer.respond(invite, 200, tag='ccc')
            assert f.peer.wait(d.call_id, 'ACK').to_tag == 'ccc'
        bye = f.peer.wait(d.call_id, 'BYE')
        assert bye.to_tag == 'ccc'
        f.peer.respond(bye, 200)
        assert f.counters()['late_forks'] == 1
        d.tag = 'bbb'
        f.do('release 1 16')
        last = d.expect_bye()
        assert last.to_tag == 'bbb'


def late_fork_never_heard_before():
    with Floor() as f:
        d, invite = f.call_out()
        d.respond(200, body=f.media())
        assert f.peer.wait(d.call_id, 'ACK').to_tag == d.tag
        f.peer.respond(invite, 200, tag='stranger', body=f.media())
        assert f.peer.wait(d.call_id, 'ACK').to_tag == 'stranger'
        bye = f.peer.wait(d.call_id, 'BYE')
        assert bye.to_tag == 'stranger'
        f.peer.respond(bye, 200)
        d.bye()


def many_forks():
    with Floor() as f:
        d, invite = f.call_out()
        for i in range(20):
            reliable(f, invite, 180, f'branch{i}', 100 + i)
            assert prack(f, d.call_id).to_tag == f'branch{i}'
        f.peer.respond(invite, 200, tag='branch13', body=f.media())
        f.expect('connect 1')
        assert f.peer.wait(d.call_id, 'ACK').to_tag == 'branch13'
        f.do('release 1 16')
        assert d.expect_bye().to_tag == 'branch13'


def fork_fails():
    with Floor() as f:
        d, invite = f.call_out()
        f.peer.respond(invite, 180, tag='a')
        f.peer.respond(invite, 180, tag='b')
        f.peer.respond(invite, 486, tag='c')
        assert 'cause=17 location=0 status=486 peer=1' in f.expect('released 1')
        assert f.peer.wait(d.call_id, 'ACK').to_tag == 'c'
        f.peer.respond(invite, 200, tag='a', body=f.media())
        assert f.peer.wait(d.call_id, 'ACK').to_tag == 'a'
        f.peer.respond(f.peer.wait(d.call_id, 'BYE'), 200)


def cancel_waits_for_a_provisional():
    with Floor() as f:
        d, invite = f.call_out()
        f.do('release 1 16')
        f.expect('released 1 cause=16')
        assert not [m for m in f.peer.quiet(d.call_id, 0.3) if 'CANCEL' in m]
        d.respond(180)
        cancel = f.peer.wait(d.call_id, 'CANCEL')
        assert cancel.cseq == invite.cseq and cancel.all('via') == invite.all('via') and not cancel.to_tag
        assert 'cause=16' in cancel.get('reason')
        f.peer.respond(cancel, 200)
        d.respond(487)
        assert f.peer.wait(d.call_id, 'ACK').cseq == invite.cseq


def cancel_in_every_state():
    def trying(f, d, invite):
        d.respond(100)

    def ringing(f, d, invite):
        d.respond(180)
        f.expect('alerting')

    def early(f, d, invite):
        reliable(f, invite, 183, d.tag, 1, f.media())
        prack(f, d.call_id)
        f.expect('progress')
    for state in trying, ringing, early:
        with Floor() as f:
            d, invite = f.call_out()
            state(f, d, invite)
            time.sleep(0.05)
            f.do('release 1 102 1')
            f.peer.respond(f.peer.wait(d.call_id, 'CANCEL'), 200)
            d.respond(487)
            f.peer.wait(d.call_id, 'ACK')
            f.expect('released 1 cause=102')


def cancel_crosses_200():
    with Floor() as f:
        d, invite = f.call_out()
        d.respond(180)
        f.expect('alerting')
        f.do('release 1 16')
        f.peer.wait(d.call_id, 'CANCEL')
        d.respond(200, body=f.media())
        assert f.peer.wait(d.call_id, 'ACK').to_tag == d.tag
        d.expect_bye()
        f.none('connect')


def failures():
    for status, extra, cause, location in (
            (486, '', 17, 0), (404, '', 1, 10), (503, '', 41, 10), (302, 'Contact: <sip:x@y>', 23, 10), (401, '', 21, 10),
            (407, '', 21, 10), (603, '', 21, 0), (503, 'Reason: Q.850;cause=34;location=LN', 34, 2),
            (500, 'Reason: SIP;cause=200\r\nReason: Q.850;cause=17;text="busy"', 17, 10),
            (480, 'Reason: Q.850;cause=300', 18, 10)):
        with Floor() as f:
            d, invite = f.call_out()
            d.respond(status, extra=extra)
            assert f'cause={cause} location={location} status={status} peer=1' in f.expect('released 1'), (status, extra)
            f.peer.wait(d.call_id, 'ACK')


def delayed_offer():
    with Floor() as f:
        d, invite = f.call_out(options='offer=0')
        assert not invite.body
        d.respond(200, body=f.media(codecs=(0, 8)))
        f.expect('offer 1 media=127.0.0.2:30000 codecs=PCMU/0,PCMA/8')
        ack = f.peer.wait(d.call_id, 'ACK')
        assert ack.media[2] == ['0', '101'], ack.body
        f.expect('connect 1')
        assert d.bye().status == 200


def delayed_offer_answered_late():
    with Floor(auto=0) as f:
        d, invite = f.call_out(options='offer=0')
        d.respond(200, body=f.media())
        f.expect('offer 1')
        assert not f.peer.quiet(d.call_id), 'ACK waits for our answer'
        d.respond(200, body=f.media())
        f.do('answer 1')
        assert f.peer.wait(d.call_id, 'ACK').media
        f.do('release 1 16')
        d.expect_bye()
    with Floor(auto=0) as f:
        d, invite = f.call_out(options='offer=0')
        d.respond(200, body=f.media())
        f.expect('offer 1')
        f.do('refuse 1 88')
        assert not f.peer.wait(d.call_id, 'ACK').body
        assert 'cause=88' in d.expect_bye().get('reason')
        f.expect('released 1 cause=88')


def offer_in_reliable_183():
    with Floor() as f:
        d, invite = f.call_out(options='offer=0')
        reliable(f, invite, 183, d.tag, 5, f.media())
        f.expect('offer 1')
        answer = prack(f, d.call_id)
        assert answer.media[2] == ['8', '101']
        d.respond(200)
        f.expect('connect 1')
        assert not f.peer.wait(d.call_id, 'ACK').body
        d.bye()


def answer_missing_or_bad():
    for body, cause in ('', 111), ('v=0\r\nrubbish', 88):
        with Floor() as f:
            d, invite = f.call_out()
            d.respond(200, body=body)
            f.peer.wait(d.call_id, 'ACK')
            assert f'cause={cause}' in d.expect_bye().get('reason')
            f.expect(f'released 1 cause={cause}')


def answer_only_in_unreliable_183():
    with Floor() as f:
        d, invite = f.call_out()
        d.respond(183, body=f.media())
        d.respond(200)
        f.expect('connect 1')
        f.peer.wait(d.call_id, 'ACK')
        d.bye()


def ack_is_repeated():
    with Floor() as f:
        d = f.answered_out()
        for _ in range(3):
            d.respond(200, body=f.media())
            assert f.peer.wait(d.call_id, 'ACK').cseq == d.invite.cseq
        d.bye()


def restricted_identity():
    with Floor() as f:
        d, invite = f.call_out(options=f'from=+44{DIGITS} name=Bob restricted=1')
        assert invite.get('from').startswith('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=')
        assert DIGITS in invite.get('p-asserted-identity') and invite.get('privacy') == 'id'
        left = [v for n, v in invite.headers if n != 'p-asserted-identity']
        assert not [v for v in left if DIGITS in v or 'Bob' in v] and DIGITS not in invite.body
    with Floor(trusted=0) as f:
        d, invite = f.call_out(options=f'from=+44{DIGITS} name=Bob restricted=1')
        d.respond(200, body=f.media())
        ack = f.peer.wait(d.call_id, 'ACK')
        f.do('release 1 16')
        bye = d.expect_bye()
        for message in invite, ack, bye:
            assert DIGITS not in message.raw.decode() and 'Bob' not in message.raw.decode(), message.raw
    with Floor(trusted=0) as f:
        d, invite = f.call_out(options=f'from=+44{DIGITS}')
        assert DIGITS in invite.get('from') and not invite.get('p-asserted-identity')
    with Floor() as f:
        d, invite = f.call_out()
        assert invite.get('from').startswith('"Unavailable" <sip:unavailable@unknown.invalid>')


def diversion():
    with Floor(user_phone=0) as f:
        d, invite = f.call_out(options='from=+4411 diverted=+4422')
        assert invite.get('diversion') == '<sip:+4422@127.0.0.1>;reason=unknown;privacy=off'
        assert invite.get('history-info').startswith('<sip:+4422@127.0.0.1>;index=1,')
        assert 'user=phone' not in invite.raw.decode()


def routes():
    # Record-Route in the 200: loose routers go into Route in reverse; a strict one takes the Request-URI
    with Floor() as f:
        d, invite = f.call_out()
        host = f'{f.peer.host}:{f.peer.port}'
        contact = '<sip:callee@192.0.2.9>'
        f.peer.respond(invite, 200, tag=d.tag, body=f.media(), contact=contact,
                       extra=f'Record-Route: <sip:p2@192.0.2.1;lr>\r\nRecord-Route: <sip:p1@{host};lr>')
        ack = f.peer.wait(d.call_id, 'ACK')
        assert ack.uri == 'sip:callee@192.0.2.9'
        routes_ = ', '.join(ack.all('route'))
        assert routes_.index('p1@') < routes_.index('p2@')
        f.do('release 1 16')
        assert d.expect_bye().uri == ack.uri
    with Floor() as f:
        d, invite = f.call_out()
        host = f'{f.peer.host}:{f.peer.port}'
        f.peer.respond(invite, 200, tag=d.tag, body=f.media(), contact='<sip:callee@192.0.2.9>',
                       extra=f'Record-Route: <sip:strict@{host}>')
        ack = f.peer.wait(d.call_id, 'ACK')
        assert ack.uri.startswith(f'sip:strict@{host}') and 'callee@192.0.2.9' in ack.get('route')
        f.do('release 1 16')
        d.expect_bye()


def target_refresh():
    with Floor() as f:
        d = f.answered_out()
        second = f'<sip:second@{f.peer.host}:{f.peer.port}>'
        keep, f.peer.contact = f.peer.contact, second
        d.send('INVITE', body=f.media(version=2))
        ok = d.wait(lambda m: m.status == 200)
        d.ack(ok)
        f.peer.contact = keep
        f.do('release 1 16')
        assert d.expect_bye().uri == second.strip('<>')


def glare_as_owner():
    # The owner of the Call-ID waits 2.1 to 4 s (RFC 3261 14.1)
    with Floor() as f:
        d = f.answered_out()
        f.do('offer 1 1')
        ours = f.peer.wait(d.call_id, 'INVITE')
        f.peer.respond(ours, 491)
        begin = time.monotonic()
        f.peer.wait(d.call_id, 'ACK')
        again = f.peer.wait(d.call_id, 'INVITE', timeout=6)
        assert 1.9 < time.monotonic() - begin < 5
        f.peer.respond(again, 200, body=f.media(direction='sendonly', version=2))
        f.expect('answer 1')


def peer_down():
    with Floor(options=1) as f:
        f.peer.auto['OPTIONS'] = 503
        f.expect('trunk core down', timeout=4)
        f.do('call 123')
        f.expect('error 1 call Network is down')
        f.peer.auto['OPTIONS'] = 200
        f.expect('trunk core up', timeout=4)
        assert f.peer.options >= 2


def name_is_resolved():
    with Floor(peer_ip='127.0.0.1', peer_host='localhost') as f:
        d, invite = f.call_out()
        d.respond(486)
        f.expect('released 1 cause=17')


class NameServer:
    """Answers every A question with one address, DNS over UDP (RFC 1035 4.1)."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.address, self.asked, self.closed, self.silent, self.rcode = address, 0, False, False, 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.closed:
            try:
                query, client = self.socket.recvfrom(512)
            except OSError:
                continue
            self.asked += 1
            if self.silent:
                continue
            end = query.index(b'\0', 12) + 5
            question = query[12:end]
            record = b'\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4' + socket.inet_aton(self.address)
            header = query[:2] + bytes([0x84, self.rcode, 0, 1, 0, int(not self.rcode), 0, 0, 0, 0])
            self.socket.sendto(header + question + (b'' if self.rcode else record), client)

    def close(self):
        self.closed = True
        self.thread.join()
        self.socket.close()


def name_is_asked_for():
    server = NameServer('127.0.0.2')
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as conf:
        conf.write(f'nameserver 127.0.0.1\nport {server.port}\n')
        conf.flush()
        with Floor(peer_host='sip.carrier.test', resolv=conf.name) as f:
            f.expect('trunk core up')
            d, invite = f.call_out()
            assert invite.uri.startswith(f'sip:+442079460000@127.0.0.2:{f.peer.port}')
            d.respond(486)
            f.expect('released 1 cause=17')
            f.answered_in().bye()
            assert server.asked
        server.silent = True
        with Floor(peer_host='sip.carrier.test', resolv=conf.name) as f:
            f.do('call 123')
            f.expect('error 1 call Network is down')
            d = Dialog(f.peer, body=f.media()).send_invite()
            assert not f.peer.quiet(d.call_id), 'an unknown peer is a stranger'
    server.close()


def large_message_goes_by_tcp():
    # RFC 3261 18.1.1: above 1,300 octets the request takes TCP where the peer has it, else UDP after all
    with Floor() as f:
        name = 'n' * 90
        d, invite = f.call_out(options=f'from=+44{"1" * 55} name={name} diverted=+44{"2" * 55}', timeout=8)
        assert len(invite.raw) > 1300 and 'SIP/2.0/UDP' in invite.get('via')
        d.respond(486)
        f.expect('released 1')


TESTS = [call_and_release, over_tcp, over_ipv6, early_media_orders, answer_that_changes, reliable_provisionals, three_tags,
         late_fork_never_heard_before, many_forks, fork_fails, cancel_waits_for_a_provisional, cancel_in_every_state,
         cancel_crosses_200, failures, delayed_offer, delayed_offer_answered_late, offer_in_reliable_183, answer_missing_or_bad,
         answer_only_in_unreliable_183, ack_is_repeated, restricted_identity, diversion, routes, target_refresh, glare_as_owner,
         peer_down, name_is_resolved, name_is_asked_for, large_message_goes_by_tcp]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
