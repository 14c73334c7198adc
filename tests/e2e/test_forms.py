#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Messages that are odd and right (RFC 3261 7.3, 25; RFC 4475), numbers in every form (RFC 3966, RFC 3261 19.1), and where
responses go (18.2.2, RFC 3581). Written from the RFCs alone."""
from shared_lab import PEER_IP, Lab, end, eventually, final, isdn_messages, media_port, re, run_cases, sdp, up

NUMBER = '2079460000'


def called(lab):
    return str(isdn_messages(lab, 'SETUP')[-1])


def numbers(lab):
    # one number in many spellings: the same SETUP each time
    gateway = f'127.0.0.1:{lab.sip_port}'
    forms = ['tel:+442079460000', 'tel:+44-20-7946-0000', 'tel:+44(20)7946.0000', f'sip:+442079460000@{gateway};user=phone',
             f'sip:+44-20-(7946).0000@{gateway};user=phone', f'sip:%2B4420794%360000@{gateway}', f'sip:02079460000@{gateway}',
             f'sip:+442079460000;npdi=yes@{gateway};user=phone', f'sip:+442079460000@{gateway};transport=udp;unknown=x;lr',
             f'sip:+442079460000:secret@{gateway}', f'sip:02079460000;phone-context=+44@{gateway};user=phone',
             'tel:02079460000;phone-context=+44', 'tel:02079460000;phone-context=example.com', 'tel:+442079460000;isub=1;x=y',
             f'SIP:+442079460000@{gateway}', f'sip:+442079460000@{gateway}?Subject=x']
    wrong = []
    for form in forms:
        before = len(isdn_messages(lab, 'SETUP'))
        call = lab.call(form if form.startswith(('sip:', 'tel:')) else 'sip:' + form[4:]).send_invite()
        answer = final(call)
        call.ack(answer)
        if answer.status == 200:
            call.remote, call.target = answer.get('to'), answer.contact_uri
            eventually(lambda: len(isdn_messages(lab, 'SETUP')) > before, 3, 'SETUP')
            if NUMBER not in called(lab):
                wrong.append(f'{form}: {called(lab)}')
            end(call)
        elif '?' not in form:      # headers in a Request-URI are not allowed (19.1.1): either is right
            wrong.append(f'{form}: {answer.start}')
    assert not wrong, wrong


def odd_headers(lab):
    # the same INVITE dressed in every way the grammar allows: each is a call
    dresses = {
        'utf8': ('From', '"J\u00fcrgen \\"the\\\\ caller\\" \u4f60\u597d, <x>;tag=no" <sip:+442079461111@h>;tag=a'),
        'tokens': ('From', "Mr. J. O'Neil <sip:+442079461111@h>;tag=a"),
        'bare': ('From', 'sip:+442079461111@h;tag=a'),
        'empty name': ('From', '"" <sip:+442079461111@h>;tag=a'),
        'folded': ('From', '"A\r\n B"\r\n\t<sip:+442079461111@h>\r\n ;\r\n tag\r\n =\r\n a'),
        'spaces': ('From', '<sip:+442079461111@h>  ;  tag  =  a ; x = "y;tag=z"'),
        'long': ('From', f'"{"x" * 3000}" <sip:+442079461111@h>;tag=a'),
        'long user': ('From', f'<sip:{"1" * 300}@h>;tag=a'),
        'tel': ('From', '<tel:+44-20-7946-1111>;tag=a'),
        'anonymous': ('From', '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=a'),
        'unknown scheme': ('From', '<http://x/>;tag=a'),
        'many unknown': ('X-Unknown', 'a, b; "c' + '\r\nX-Unknown: ' * 60),
        'subject': ('s', ''), 'accept': ('Accept', 'application/sdp;level=1, text/*;q=0.1, */*;q=0'),
        'supported': ('k', 'a,b , ,100rel'), 'date': ('Date', 'Sat, 13 Nov 2010 23:29:00 GMT'), 'expires': ('Expires', '4000000000'),
        'alert': ('Alert-Info', '<http://x/y.wav>;a="b,c"'), 'history': ('History-Info', '<sip:x@y?Reason=SIP%3Bcause%3D302>;index=1'),
        'bad optional': ('Alert-Info', '<<>>;;'), 'bad date': ('Date', 'yesterday'), 'bad identity': ('P-Asserted-Identity', '<<<'),
    }
    wrong = []
    for name, (header, value) in dresses.items():
        call = lab.call()
        lines = {'From': '<sip:+442079461111@h>;tag=a', header: value}
        port = lab.peer.port
        text = f'INVITE {call.uri} SIP/2.0\r\nv:SIP / 2.0 / UDP {PEER_IP}:{port};branch=z9hG4bK{call.call_id};rport\r\nMAX-FORWARDS:  70 \r\n' \
            + ''.join(f'{k} : {v}\r\n' for k, v in lines.items()) \
            + f't:{call.remote}\r\ni:{call.call_id}\r\ncSeQ:  1   INVITE\r\nm:<sip:a@{PEER_IP}:{port}>\r\nc:application/sdp;charset="x"\r\n' \
            + f'l: {len(call.body)}\r\n\r\n{call.body}'
        lab.peer.send(text)
        answer = final(call)
        call.branch, call.local = f'z9hG4bK{call.call_id}', re.sub(r'\r\n\s*', ' ', lines['From'])
        call.remote, call.target = answer.get('to'), answer.contact_uri or call.uri
        call.ack(answer)
        if answer.status != 200:
            if name not in ('bad identity', 'bad optional', 'bad date', 'many unknown'):
                wrong.append(f'{name}: {answer.start}')
            continue
        plain = re.sub(r'"(\\.|[^"\\])*"|\s', '', answer.get('from'))      # without what is quoted
        if not re.search(r';tag=a(;|$)', plain):
            wrong.append(f'{name}: From came back as {answer.get("from")[:200]}')
        end(call)
    assert not wrong, wrong


def answer_to_received_and_rport(lab):
    # Via with rport and a name that is not the source: received and rport filled in, sent to the source (18.2.1, RFC 3581 4)
    call = lab.call()
    text = f'OPTIONS {call.uri} SIP/2.0\r\nVia: SIP/2.0/UDP nowhere.invalid:5999;rport;branch=z9hG4bKr1\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=' \
           f'z9hG4bKr0;ttl=1\r\nMax-Forwards: 1\r\nFrom: {call.local}\r\nTo: {call.remote}\r\nCall-ID: {call.call_id}\r\nCSeq: 1 OPTIONS\r\n\r\n'
    lab.peer.send(text)
    answer = final(call)
    vias = ', '.join(answer.all('via'))
    assert f'rport={lab.peer.port}' in vias and f'received={PEER_IP}' in vias, answer.raw
    assert '192.0.2.1;branch=z9hG4bKr0;ttl=1' in vias and vias.index('r1') < vias.index('r0'), answer.raw


def answer_to_sent_by_port(lab):
    # without rport the answer goes to the source's address and the Via's port (18.2.2)
    other = lab.add_peer()
    call = lab.call()
    lab.peer.send(f'OPTIONS {call.uri} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER_IP}:{other.port};branch=z9hG4bKs{call.call_id}\r\nMax-Forwards: 1\r\n'
                  f'From: {call.local}\r\nTo: {call.remote}\r\nCall-ID: {call.call_id}\r\nCSeq: 1 OPTIONS\r\n\r\n')
    assert other.wait(call.call_id, 200).call_id == call.call_id


def old_branch(lab):
    # a branch without the cookie, or none: RFC 2543 matching (17.2.3); a call all the same
    call = lab.call(branch='1').send_invite()
    answer = final(call)
    call.remote = answer.get('to')
    call.target = answer.contact_uri
    call.ack(answer)
    assert answer.status == 200, answer.start
    end(call)


def no_length_over_udp(lab):
    # without Content-Length the body ends with the datagram; with a shorter one the rest is ignored (18.3)
    for length in None, True:
        call = lab.call()
        body = sdp(PEER_IP, media_port())
        port = lab.peer.port
        head = f'INVITE {call.uri} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER_IP}:{port};branch=z9hG4bK{call.call_id}\r\nMax-Forwards: 70\r\n' \
               f'From: {call.local}\r\nTo: {call.remote}\r\nCall-ID: {call.call_id}\r\nCSeq: 1 INVITE\r\n' \
               f'Contact: <sip:a@{PEER_IP}:{port}>\r\nContent-Type: application/sdp\r\n'
        lab.peer.send(head + (f'Content-Length: {len(body)}\r\n\r\n{body}a=junk\r\nINVITE' if length else f'\r\n{body}'))
        answer = call.wait(lambda m: m.status >= 200)
        call.ack(answer)
        assert answer.status == 200, answer.start
        end(call)


TESTS = [numbers, odd_headers, answer_to_received_and_rport, answer_to_sent_by_port, old_branch, no_length_over_udp]
KNOWN_FAILURES = []
if __name__ == '__main__':
    raise SystemExit(run_cases(TESTS, KNOWN_FAILURES, make=Lab))
