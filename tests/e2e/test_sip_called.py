#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The SIP floor as the called side (RFC 3261 UAS), against a scripted peer."""
import re
import sys
import time

from lab import run_tests
from sip_floor import Dialog, Floor, sdp

REL = 'Supported: 100rel, timer\r\nAllow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE'


def version(message):
    return re.search(r'^o=\S+ (\d+ \d+)', message.body, re.M)[1]


def call_and_bye():
    # INVITE → 100, 180, 200 ← ACK, BYE → 200
    with Floor() as f:
        d = f.call_in()
        assert 'called=+442079460000 calling=+442079461111' in d.line, d.line
        d.wait(100)
        f.do('alert 1')
        ringing = d.wait(180)
        assert ringing.to_tag and not ringing.body
        f.do('connect 1 +442079460000')
        ok = d.wait(200)
        assert ok.to_tag == ringing.to_tag and ok.media[2] == ['8', '101'] and 'UPDATE' in ok.get('allow')
        assert '<sip:+442079460000@' in ok.get('p-asserted-identity')
        d.ack(ok)
        f.expect('connected 1')
        assert d.bye(extra='Reason: Q.850;cause=17;location=U').status == 200
        assert 'cause=17 location=0 status=0 peer=1' in f.expect('released 1')
        f.do('calls')
        f.expect('calls 0 ')


def released_by_us():
    with Floor() as f:
        d = f.answered_in()
        f.do('release 1 38 2')
        bye = d.expect_bye()
        assert bye.get('reason') == 'Q.850;cause=38;text="Network out of order";location=LN', bye.raw
        f.expect('released 1 cause=38 location=2 status=0 peer=0')
        assert d.bye().status == 200, 'a BYE that crosses ours is answered'


def over_tcp():
    with Floor(transport='tcp') as f:
        d = f.answered_in()
        assert d.bye().status == 200
        f.expect('released')


def over_ipv6():
    for transport in 'udp', 'tcp':
        with Floor(ip='::1', transport=transport) as f:
            d = f.answered_in()
            f.do('release 1 16')
            assert d.expect_bye().uri.startswith('sip:')
            f.expect('released')


def answer_is_repeated_until_ack():
    with Floor() as f:
        d = f.call_in()
        f.expect('offer')
        f.do('connect 1')
        first = d.wait(200)
        again = d.wait(200, timeout=2)
        assert first.raw == again.raw
        d.ack(again)
        f.expect('connected 1')
        time.sleep(0.2)
        f.peer.quiet(d.call_id, 0)
        assert not f.peer.quiet(d.call_id, 1.2), '200 repeated after ACK'
        d.bye()


def early_answer_without_prack():
    # 183 with SDP, 180 after it, 200 with the same SDP
    with Floor() as f:
        d = f.call_in()
        f.expect('offer')
        f.do('progress 1 inband')
        early = d.wait(183)
        assert early.media and 'rseq' not in dict(early.headers)
        f.do('alert 1')
        d.wait(180)
        f.do('connect 1')
        ok = d.wait(200)
        assert ok.body == early.body, 'the answer changed'
        d.ack(ok)
        d.bye()


def early_answer_with_prack():
    with Floor() as f:
        d = f.call_in(extra=REL)
        f.expect('offer')
        f.do('alert 1 inband')
        early = d.wait(183)
        assert early.get('rseq') and '100rel' in early.get('require') and early.media
        assert d.wait(183, timeout=2).raw == early.raw, 'a reliable response is repeated until PRACK'
        d.prack(early)
        assert d.wait(lambda m: m.is_response and m.method == 'PRACK').status == 200
        f.peer.quiet(d.call_id, 0.1)
        f.do('connect 1')
        ok = d.wait(200)
        assert not ok.body, 'the answer went in the reliable 183'
        d.ack(ok)
        f.expect('connected')
        d.bye()


def prack_of_nothing():
    with Floor() as f:
        d = f.call_in(extra=REL)
        f.expect('offer')
        f.do('alert 1 inband')
        early = d.wait(183)
        d.cseq += 1
        f.peer.request('PRACK', early.contact_uri, d.call_id, d.cseq, d.local, early.get('to'), extra='RAck: 1 9 INVITE')
        assert d.wait(lambda m: m.is_response and m.method == 'PRACK').status == 481
        d.prack(early)
        assert d.wait(lambda m: m.is_response and m.method == 'PRACK').status == 200
        d.cseq = 1
        d.cancel()
        d.ack(d.wait(487))


def required_100rel():
    with Floor() as f:
        d = f.call_in(extra='Require: 100rel\r\nSupported: 100rel')
        f.do('alert 1')
        ringing = d.wait(180)
        assert ringing.get('rseq')
        d.prack(ringing)
        f.do('connect 1')
        ok = d.wait(lambda m: m.status == 200 and m.method == 'INVITE')
        assert ok.body
        d.ack(ok)
        d.bye()


def required_100rel_refused():
    with Floor(prack=0) as f:
        d = Dialog(f.peer, body=f.media(), extra='Require: 100rel, foo').send_invite()
        refused = d.wait(420)
        assert refused.get('unsupported') == '100rel, foo'
        d.ack(refused)


def delayed_offer():
    # INVITE without SDP → 200 with our offer ← ACK with the answer
    with Floor() as f:
        d = f.call_in(offer=False)
        assert 'offer=0' in d.line
        f.do('offer 1')
        f.do('progress 1 inband')
        assert not d.wait(183).body, 'an offer must not go in an unreliable response'
        f.do('connect 1')
        ok = d.wait(200)
        assert ok.media[2] == ['8', '0', '101']
        d.ack(ok, body=f.media(codecs=(0,)))
        f.expect(r'answer 1 media=127.0.0.2:30000 codecs=PCMU/0')
        f.expect('connected 1')
        d.bye()


def delayed_offer_in_reliable_183():
    with Floor() as f:
        d = f.call_in(offer=False, extra=REL)
        f.do('offer 1')
        f.do('progress 1 inband')
        early = d.wait(183)
        assert early.media and early.get('rseq')
        d.prack(early, body=f.media())
        f.expect('answer 1')
        f.do('connect 1')
        ok = d.wait(lambda m: m.status == 200 and m.method == 'INVITE')
        assert not ok.body
        d.ack(ok)
        f.expect('connected')
        d.bye()


def ack_owes_the_answer():
    with Floor() as f:
        d = f.call_in(offer=False)
        f.do('offer 1')
        f.do('connect 1')
        d.ack(d.wait(200))
        assert 'cause=111' in d.expect_bye().get('reason')
        f.expect('released 1 cause=111')


def connect_without_answer():
    with Floor(auto=0) as f:
        f.call_in()
        f.expect('offer 1')
        f.do('connect 1', wait=False)
        f.expect('error 1 connect')
        f.do('answer 1')
        f.do('connect 1')


def offer_in_prack():
    with Floor() as f:
        d = f.call_in(extra=REL)
        f.expect('offer 1')
        f.do('alert 1 inband')
        early = d.wait(183)
        d.prack(early, body=f.media(direction='sendonly', version=2))
        assert 'direction=2' in f.expect('offer 1')
        answer = d.wait(lambda m: m.is_response and m.method == 'PRACK')
        assert answer.status == 200 and answer.media[3] == 'recvonly'
        f.do('connect 1')
        ok = d.wait(lambda m: m.status == 200 and m.method == 'INVITE')
        d.ack(ok)
        d.bye()


def cancelled():
    for orders in [], ['alert 1'], ['alert 1 inband']:
        with Floor() as f:
            d = f.call_in()
            f.expect('offer')
            for order in orders:
                f.do(order)
                d.wait('1xx')
            d.cancel(extra='Reason: Q.850;cause=31')
            assert d.wait(lambda m: m.method == 'CANCEL').status == 200
            d.ack(d.wait(487))
            f.expect('released 1 cause=31 location=10 status=0 peer=1')


def cancelled_too_late():
    with Floor() as f:
        d = f.call_in()
        f.expect('offer')
        f.do('connect 1')
        ok = d.wait(200)
        d.cancel()
        assert d.wait(lambda m: m.method == 'CANCEL').status == 481
        d.ack(ok)
        f.expect('connected 1')
        d.bye()


def bye_in_early_dialog():
    with Floor() as f:
        d = f.call_in()
        f.do('alert 1')
        d.wait(180)
        d.send('BYE')
        assert d.wait(487).status == 487
        f.expect('released 1 cause=16 location=10 status=0 peer=1')


def bye_before_ack():
    with Floor() as f:
        d = f.call_in()
        f.expect('offer')
        f.do('connect 1')
        d.wait(200)
        assert d.bye().status == 200
        f.expect('released 1')


def released_before_ack():
    # RFC 3261 15: no BYE before ACK
    with Floor() as f:
        d = f.call_in()
        f.expect('offer')
        f.do('connect 1')
        ok = d.wait(200)
        f.do('release 1 41 2')
        f.expect('released 1 cause=41')
        assert not [m for m in f.peer.quiet(d.call_id, 0.3) if 'BYE' in m]
        d.ack(ok)
        assert 'cause=41' in d.expect_bye().get('reason')


def refused():
    for cause, location, status in (17, 0, 486), (21, 0, 603), (21, 2, 403), (34, 3, 503), (47, 2, 503), (1, 4, 404), (16, 0, 480):
        with Floor() as f:
            d = f.call_in()
            f.do(f'release 1 {cause} {location}')
            final = d.wait(status)
            assert f'cause={cause}' in final.get('reason'), final.raw
            d.ack(final)
            f.expect(f'released 1 cause={cause}')


def hold_and_resume():
    with Floor() as f:
        d = f.answered_in()
        first = None
        for version_, way, mirrored in (2, 'sendonly', 'recvonly'), (3, 'inactive', 'inactive'), (4, 'sendrecv', 'sendrecv'):
            d.send('INVITE', body=f.media(direction=way, version=version_))
            f.expect('offer 1')
            ok = d.wait(200)
            assert ok.media[3] == mirrored, ok.body
            assert version(ok) != first, 'the description changed, its version did not'
            first = version(ok)
            d.ack(ok)
        d.send('INVITE', body=f.media(version=4))
        ok = d.wait(200)
        assert version(ok) == first, 'the version went up for nothing'
        d.ack(ok)
        d.bye()


def reoffer_refused_keeps_the_call():
    with Floor() as f:
        d = f.answered_in()
        d.send('INVITE', body=f.media(codecs=(18,), event=None, version=2))
        refused_ = d.wait(488)
        d.ack(refused_)
        d.send('INVITE', body='v=0\r\nnonsense')
        bad = d.wait(400)
        assert bad.get('warning').startswith('399 '), bad.raw
        d.ack(bad)
        d.send('INVITE', body='hello', content_type='text/plain')
        d.ack(d.wait(415))
        d.send('INVITE', extra='Require: tomorrow')
        d.ack(d.wait(420))
        f.none('released')
        assert d.bye().status == 200


def reinvite_without_offer():
    with Floor() as f:
        d = f.answered_in()
        d.send('INVITE')
        ok = d.wait(200)
        assert ok.media[2] == ['8', '101']
        d.ack(ok, body=f.media(version=2))
        time.sleep(0.2)
        f.do('state 1', wait=False)
        f.expect('state 1 confirmed')
        d.bye()


def reinvite_while_one_is_open():
    with Floor(auto=0) as f:
        d = f.call_in()
        f.expect('offer')
        f.do('alert 1')
        d.wait(180)
        d.send('INVITE', body=f.media(version=2))
        early = d.wait(lambda m: m.status >= 400)
        assert early.status == 500 and int(early.get('retry-after')) <= 10
        d.ack(early)
        f.do('answer 1')
        f.do('connect 1')
        d.cseq = 1
        ok = d.wait(200)
        d.ack(ok)
        f.expect('connected')
        d.cseq = 10
        d.send('INVITE', body=f.media(version=3))
        f.expect('offer 1')
        d.send('UPDATE', body=f.media(version=4))
        assert d.wait(lambda m: m.is_response and m.method == 'UPDATE' and m.status >= 200).status == 500
        f.do('answer 1')
        ok = d.wait(lambda m: m.status == 200 and m.method == 'INVITE')
        d.ack(ok)
        d.bye()


def update_with_and_without_offer():
    with Floor() as f:
        d = f.answered_in()
        d.send('UPDATE', body=f.media(direction='sendonly', version=2))
        f.expect('offer 1')
        ok = d.wait(lambda m: m.is_response and m.method == 'UPDATE')
        assert ok.status == 200 and ok.media[3] == 'recvonly'
        d.send('UPDATE')
        ok = d.wait(lambda m: m.is_response and m.method == 'UPDATE')
        assert ok.status == 200 and not ok.body
        d.bye()


def update_in_early_dialog():
    with Floor() as f:
        d = f.call_in(extra=REL)
        f.expect('offer')
        f.do('alert 1 inband')
        early = d.wait(183)
        d.prack(early)
        d.wait(lambda m: m.is_response and m.method == 'PRACK')
        d.send('UPDATE', body=f.media(direction='inactive', version=2))
        f.expect('offer 1')
        assert d.wait(lambda m: m.is_response and m.method == 'UPDATE').media[3] == 'inactive'
        f.do('offer 1 3')
        ours = f.peer.wait(d.call_id, 'UPDATE')
        f.peer.respond(ours, 200, body=f.media(version=3))
        f.expect('answer 1')
        d.cseq, keep = 1, d.cseq
        f.do('connect 1')
        ok = d.wait(lambda m: m.status == 200 and m.method == 'INVITE')
        d.ack(ok)
        d.cseq = keep
        d.bye()


def update_before_answer():
    with Floor(auto=0) as f:
        d = f.call_in()
        f.do('alert 1')
        d.wait(180)
        d.send('UPDATE', body=f.media(version=2))
        assert d.wait(lambda m: m.is_response and m.method == 'UPDATE').status == 500


def our_reoffer():
    with Floor() as f:
        d = f.answered_in()
        f.do('offer 1 2')
        invite = f.peer.wait(d.call_id, 'INVITE')
        assert invite.media[3] == 'sendonly' and invite.to_tag and invite.from_tag
        f.do('offer 1', wait=False)
        f.expect('error 1 offer')
        f.peer.respond(invite, 200, body=f.media(direction='recvonly', version=2))
        assert 'direction=1' in f.expect('answer 1')
        ack = f.peer.wait(d.call_id, 'ACK')
        assert ack.cseq == invite.cseq
        f.peer.respond(invite, 200, body=f.media(direction='recvonly', version=2))
        assert f.peer.wait(d.call_id, 'ACK').cseq == invite.cseq, 'a repeated 200 is acknowledged again'
        f.do('offer 1 3')
        invite = f.peer.wait(d.call_id, 'INVITE')
        f.peer.respond(invite, 488)
        f.expect('refuse 1 cause=88')
        f.peer.wait(d.call_id, 'ACK')
        f.do('offer 1 3')
        f.peer.respond(f.peer.wait(d.call_id, 'INVITE'), 481)
        f.expect('released 1')
        d.expect_bye()


def glare():
    # Both offer at once: each gets 491; ours is made again after a while (RFC 3261 14.1: 0 to 2 s for the called side)
    with Floor() as f:
        d = f.answered_in()
        f.do('offer 1 2')
        ours = f.peer.wait(d.call_id, 'INVITE')
        d.send('INVITE', body=f.media(version=2))
        theirs = d.wait(491)
        d.ack(theirs)
        f.peer.respond(ours, 491)
        f.peer.wait(d.call_id, 'ACK')
        again = f.peer.wait(d.call_id, 'INVITE', timeout=4)
        assert again.media[3] == 'sendonly' and again.cseq > ours.cseq
        f.peer.respond(again, 200, body=f.media(direction='recvonly', version=3))
        f.expect('answer 1')
        f.peer.wait(d.call_id, 'ACK')
        assert f.counters()['glare'] == 2
        d.bye()


def session_interval():
    with Floor() as f:
        d = Dialog(f.peer, body=f.media(), extra='Supported: timer\r\nSession-Expires: 60').send_invite()
        small = d.wait(422)
        assert small.get('min-se') == '90'
        d.ack(small)
        for extra, refresher in (('Supported: timer\r\nSession-Expires: 1800', 'uac'),
                                 ('Supported: timer\r\nSession-Expires: 1800;refresher=uas', 'uas'),
                                 ('Session-Expires: 1800', 'uas')):
            d = f.call_in(extra=extra)
            f.expect('offer')
            f.do(f'connect {d.number}')
            ok = d.wait(200)
            assert ok.get('session-expires') == f'1800;refresher={refresher}', ok.raw
            assert ('timer' in ok.get('require')) == (refresher == 'uac')
            d.ack(ok)
            f.expect('connected')
            d.bye()


def wrong_requests():
    with Floor() as f:
        d = f.answered_in()
        tag = d.remote
        d.remote = re.sub('tag=.*', 'tag=other', tag)
        assert d.bye().status == 481
        d.remote = tag
        d.cseq = 50
        d.send('INFO')
        d.wait(200)
        d.cseq = 20
        d.send('INFO')
        assert d.wait(lambda m: m.is_response).status == 500, 'CSeq out of order'
        d.cseq = 60
        for method, status in ('SUBSCRIBE', 405), ('REFER', 405), ('MESSAGE', 405), ('FROBNICATE', 501), ('OPTIONS', 200):
            d.send(method)
            answer = d.wait(lambda m: m.is_response)
            assert answer.status == status, (method, answer.status)
            assert 'INVITE' in answer.get('allow')
        f.none('released')
        d.bye()


def strays():
    with Floor() as f:
        for method, status in (('BYE', 481), ('UPDATE', 481), ('PRACK', 481), ('INFO', 481), ('REGISTER', 405), ('PUBLISH', 405),
                               ('NOTIFY', 405), ('WHATEVER', 501), ('CANCEL', 481), ('OPTIONS', 200)):
            d = Dialog(f.peer)
            f.peer.request(method, d.uri, d.call_id, 7, d.local, d.remote)
            assert f.peer.wait(d.call_id, lambda m: m.is_response).status == status, method
        for method in 'BYE', 'UPDATE', 'PRACK', 'INFO', 'OPTIONS':     # of a dialog that is not there: 12.2.2
            d = Dialog(f.peer)
            f.peer.request(method, d.uri, d.call_id, 7, d.local, d.remote + ';tag=gone')
            assert f.peer.wait(d.call_id, lambda m: m.is_response).status == 481, method
        d = Dialog(f.peer, body=f.media())
        d.remote += ';tag=gone'
        d.send_invite()
        d.ack(d.wait(481))
        d = Dialog(f.peer)
        f.peer.request('ACK', d.uri, d.call_id, 7, d.local, d.remote)
        assert not f.peer.quiet(d.call_id)


def options():
    with Floor() as f:
        d = Dialog(f.peer)
        f.peer.request('OPTIONS', d.uri, d.call_id, 7, d.local, d.remote)
        ok = f.peer.wait(d.call_id, 200)
        assert 'PRACK' in ok.get('allow') and ok.get('accept') == 'application/sdp' and 'timer' in ok.get('supported')


def refused_at_the_door():
    with Floor() as f:
        def status(number='+442079460000', **kw):
            d = Dialog(f.peer, number=number, **{'body': f.media(), **kw}).send_invite()
            final = d.wait(lambda m: m.status >= 300)
            d.ack(final)
            return final
        assert status(max_forwards=0).status == 483
        d = Dialog(f.peer)
        f.peer.request('INVITE', 'http://example.com/', d.call_id, 1, d.local, d.remote, body=f.media())
        assert d.wait(lambda m: m.status >= 300).status == 416
        assert status(contact=False).status == 400
        assert status(contact=False, extra='Contact: *').status == 400
        bad = status(body='hello', content_type='text/plain')
        assert bad.status == 415 and bad.get('accept') == 'application/sdp'
        assert status(extra='Content-Encoding: gzip').status == 415
        assert status(body='v=0\r\n').status == 400
        video = status(body=f.media().replace('m=audio', 'm=video'))
        assert video.status == 488 and 'audio' in video.get('warning')
        assert status(body=f.media().replace('RTP/AVP', 'RTP/SAVP')).status == 488
        f.none('incoming')
        assert f.counters()['bad_sdp'] == 3


def merged():
    # The same request by two ways: RFC 3261 8.2.2.2
    with Floor() as f:
        d = f.call_in()
        f.peer.request('INVITE', d.uri, d.call_id, d.cseq, d.local, d.remote, body=d.body)
        assert d.wait(lambda m: m.status >= 300).status == 482
        f.none('incoming')


def full():
    with Floor(max=1) as f:
        f.call_in()
        d = Dialog(f.peer, body=f.media()).send_invite()
        busy = d.wait(503)
        assert 'cause=42' in busy.get('reason')
        d.ack(busy)
        d = f.call_in(extra='Priority: emergency')
        assert 'emergency=1' in d.line
        assert f.counters()['refused_overload'] == 1


def numbers():
    with Floor() as f:
        def called(uri, **kw):
            line = f.call_in(number=uri, **kw).line
            return re.search(r'called=(\S*)', line)[1], line
        assert called('tel:+44-20-7946-0000')[0] == '+442079460000'
        assert called('tel:0000;phone-context=+44207946')[0] == '0000'
        assert called(f'sip:0207.946-(0000);phone-context=+44@{f.host}:{f.port};user=phone')[0] == '02079460000'
        assert called(f'sip:%2B44123*%23@{f.host}:{f.port}')[0] == '+44123*#'
        assert 'emergency=1' in called('urn:service:sos')[1]
        assert 'emergency=1' in called('urn:service:sos.fire')[1]
        Dialog(f.peer, number='urn:service:sosta', body=f.media()).send_invite().wait(416)
        line = f.call_in(caller='"Bob \\"B\\" Smith" <tel:+44-1234>').line
        assert 'calling=+441234 ' in line and 'name=Bob "B" Smith ' in line, line


def identities():
    with Floor() as f:
        line = f.call_in(extra='P-Asserted-Identity: "Al" <sip:+4499@x;user=phone>, <tel:+4499>').line
        assert 'calling=+4499 presentation=0 screening=3 name=Al' in line, line
        line = f.call_in(caller='"Anonymous" <sip:anonymous@anonymous.invalid>',
                         extra='P-Asserted-Identity: <tel:+4499>\r\nPrivacy: id').line
        assert 'calling=+4499 presentation=1 screening=3' in line, line
        line = f.call_in(caller='<sip:anonymous@anonymous.invalid>').line
        assert 'calling= presentation=1 screening=0' in line, line
        line = f.call_in(extra='Diversion: <sip:+4477@x>;reason=no-answer;privacy=off').line
        assert 'redirecting=+4477 reason=2' in line, line
        line = f.call_in(extra='History-Info: <sip:+4466@x>;index=1, <sip:+4455@x;cause=302>;index=1.1').line
        assert 'redirecting=+4466 reason=15' in line, line
    with Floor(trusted=0) as f:
        line = f.call_in(extra='P-Asserted-Identity: <sip:+4499@x>').line
        assert 'calling=+442079461111 presentation=0 screening=0' in line, line


def multipart():
    with Floor() as f:
        part = '--b1\r\nContent-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x10\r\n'
        body = part + '--b1\r\nContent-Type: application/sdp\r\n\r\n' + f.media() + '\r\n--b1--\r\n'
        d = f.call_in(body=body, content_type='multipart/mixed;boundary=b1')
        f.expect('offer 1 media=127.0.0.2:30000 codecs=PCMA/8')
        f.do('connect 1')
        d.ack(d.wait(200))
        d.bye()


def more_media_lines():
    with Floor() as f:
        body = f.media().replace('m=audio', 'm=video 40000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio')
        d = f.call_in(body=body + 'm=image 50000 udptl t38\r\n')
        f.expect('offer')
        f.do('connect 1')
        ok = d.wait(200)
        lines = re.findall(r'^m=(\S+ \d+)', ok.body, re.M)
        assert lines[0] == 'video 0' and lines[1].startswith('audio ') and lines[1] != 'audio 0' and lines[2] == 'image 0'
        d.ack(ok)
        f.expect('connected')
        f.do('offer 1 2')
        ours = f.peer.wait(d.call_id, 'INVITE')
        assert len(re.findall(r'^m=', ours.body, re.M)) == 3, 'lines keep their place'
        f.peer.respond(ours, 488)
        d.bye()


def old_hold():
    with Floor() as f:
        d = f.answered_in()
        d.send('INVITE', body=f.media(version=2).replace('c=IN IP4 127.0.0.2', 'c=IN IP4 0.0.0.0'))
        assert 'direction=0' in f.expect('offer 1')
        ok = d.wait(200)
        assert ok.media[3] == 'inactive'
        d.ack(ok)
        d.bye()


def dtmf_by_info():
    with Floor() as f:
        d = f.answered_in()
        d.send('INFO', body='Signal=#\r\nDuration=250\r\n', content_type='application/dtmf-relay')
        assert d.wait(lambda m: m.is_response).status == 200
        f.expect('dtmf 1 event=11 ms=250')
        d.send('INFO', body='x', content_type='text/plain')
        assert d.wait(lambda m: m.is_response).status == 415
        f.do('dtmf 1 10')
        info = f.peer.wait(d.call_id, 'INFO')
        assert 'Signal=*' in info.body
        d.bye()


def record_route():
    # A proxy between: the dialog's requests go back through it, RFC 3261 12.1.1
    with Floor() as f:
        proxy = f'<sip:{f.peer.host}:{f.peer.port};lr>'
        d = f.call_in(extra=f'Record-Route: {proxy}')
        f.expect('offer')
        f.do('connect 1')
        ok = d.wait(200)
        assert ok.get('record-route') == proxy
        d.route = ()
        d.ack(ok)
        f.expect('connected')
        f.do('release 1 16')
        bye = d.expect_bye()
        assert bye.get('route') == proxy and bye.uri == f.peer.contact.strip('<>'), bye.raw


def advertised_address():
    with Floor(advertised='192.0.2.77') as f:
        d = f.call_in()
        f.expect('offer')
        f.do('connect 1')
        ok = d.wait(200)
        assert f'<sip:192.0.2.77:{f.port}>' in ok.get('contact') and ok.media[0] == '192.0.2.77', ok.raw
        d.target = f'sip:{f.host}:{f.port}'
        d.ack(ok)
        d.bye()


def party_update():
    with Floor() as f:
        d = f.answered_in()
        d.send('UPDATE', extra='P-Asserted-Identity: <sip:+4412@x>')
        f.expect('party 1 .*connected=\\+4412')
        d.bye()


def traced():
    with Floor(trace=1) as f:
        d = f.call_in()
        sent = next(raw for _, way, raw in f.peer.log if way == '>')
        f.do('release 1 17 0')
        final = d.wait(486)
        d.ack(final)
        lines = [line for line in f.seen if line.startswith('trace')]
        time.sleep(0.2)
        f._drain()
        lines = [line for line in f.seen if line.startswith('trace')]
        assert lines[0].startswith(f'trace in INVITE key={d.call_id} '), lines
        assert lines[1].startswith('trace out 100 Trying ') and lines[2].startswith('trace out 486 Busy Here '), lines
        assert f'octets={len(sent)}' in lines[0] and f'octets={len(final.raw)}' in lines[2], lines
        assert lines[3].startswith('trace in ACK')
        assert f'remote={f.peer.ip}:{f.peer.port}' in lines[0]


TESTS = [call_and_bye, released_by_us, over_tcp, over_ipv6, answer_is_repeated_until_ack, early_answer_without_prack,
         early_answer_with_prack, prack_of_nothing, required_100rel, required_100rel_refused, delayed_offer,
         delayed_offer_in_reliable_183, ack_owes_the_answer, connect_without_answer, offer_in_prack, cancelled,
         cancelled_too_late, bye_in_early_dialog, bye_before_ack, released_before_ack, refused, hold_and_resume,
         reoffer_refused_keeps_the_call, reinvite_without_offer, reinvite_while_one_is_open, update_with_and_without_offer,
         update_in_early_dialog, update_before_answer, our_reoffer, glare, session_interval, wrong_requests, strays, options,
         refused_at_the_door, merged, full, numbers, identities, multipart, more_media_lines, old_hold, dtmf_by_info,
         record_route, advertised_address, party_update, traced]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
