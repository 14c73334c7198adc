#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Offer/answer (RFC 3264), reliable provisionals (RFC 3262), UPDATE (RFC 3311) and session timers (RFC 4028), from the RFCs alone."""
from shared_lab import (PEER_IP, Lab, again, ask, drop, end, final, hears_echo, m_lines, media_port, origin, re, reinvite, ring,
                        run_cases, sdp, time, up)

RINGS, EARLY, RINGS_2S = '+442079460002', '+442079460006', '+442079460008'


def body_of(port, *lines, formats='8 101'):
    """A session whose media part is given; the first line is the audio."""
    text = ['v=0', f'o=peer 1000 1 IN IP4 {PEER_IP}', 's=-', f'c=IN IP4 {PEER_IP}', 't=0 0', f'm=audio {port} RTP/AVP {formats}']
    return '\r\n'.join(text + list(lines)) + '\r\n'


def refused(lab, body, statuses=(488,), **kw):
    call = lab.call(body=body, **kw).send_invite()
    answer = final(call)
    call.ack(answer)
    if answer.status < 300:
        end(call)
    assert answer.status in statuses, f'{answer.raw}\nto {body}'
    return answer


# ---- RFC 3264: the first offer and answer

def more_media_lines(lab):
    # audio, video, audio, application: as many lines in the same order (6), all but one audio with port 0, transports repeated
    port = media_port()
    body = body_of(port, 'a=rtpmap:101 telephone-event/8000', 'm=video 40002 RTP/AVP 96', 'a=rtpmap:96 H264/90000', 'a=sendonly',
                   'm=audio 40004 RTP/AVP 0 8', 'm=application 40006 UDP/BFCP *', 'm=image 40008 udptl t38', 'a=mid:x')
    call, ok = up(lab, body=body)
    lines = m_lines(ok.body)
    assert [line.split()[0] for line in lines] == ['audio', 'video', 'audio', 'application', 'image'], ok.body
    assert [line.split()[1] != '0' for line in lines] == [True] + [False] * 4, ok.body
    assert [line.split()[2] for line in lines] == ['RTP/AVP', 'RTP/AVP', 'RTP/AVP', 'UDP/BFCP', 'udptl'], ok.body
    assert all(len(line.split()) >= 4 for line in lines), ok.body
    hears_echo(lab, ok.media, port)
    end(call)


def video_first(lab):
    # the audio is the second line: the first is refused with port 0, the second taken (6)
    port = media_port()
    body = f'v=0\r\no=- 1 1 IN IP4 {PEER_IP}\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=video 5004 RTP/AVP 31\r\n' \
           f'm=audio {port} RTP/AVP 8\r\nc=IN IP4 {PEER_IP}\r\n'
    call, ok = up(lab, body=body)
    lines = [line.split() for line in m_lines(ok.body)]
    assert [(w[0], w[1] == '0') for w in lines] == [('video', True), ('audio', False)], ok.body
    hears_echo(lab, ('127.0.0.1', int(lines[1][1])), port)     # the line's own c= counts (RFC 4566 5.7)
    end(call)


def unknown_lines(lab):
    # attributes and lines nobody knows are ignored (RFC 4566 5.13), also a=rtcp, b=, i=, e=, groups, candidates
    port = media_port()
    body = f'v=0\r\no=p%20q 1 1 IN IP4 {PEER_IP}\r\ns= \r\ni=info é\r\nu=http://x/\r\ne=a@b (c)\r\np=+1 2\r\nc=IN IP4 {PEER_IP}\r\n' \
           f'b=AS:64\r\nb=X-odd:1\r\nt=0 0\r\na=group:BUNDLE x\r\na=future:thing=1;2\r\na=lonely\r\nm=audio {port} RTP/AVP 8\r\n' \
           'i=title\r\nb=TIAS:64000\r\na=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\na=ice-ufrag:abcd\r\na=ice-pwd:' + 'p' * 24 + \
           '\r\na=rtcp-fb:* nack\r\na=ssrc:1 cname:x\r\na=maxptime:150\r\na=rtcp:9 IN IP4 192.0.2.1\r\na=mid:x\r\na=x:\r\n'
    call, ok = up(lab, body=body)
    assert 'future' not in ok.body and ok.media[2] == ['8'], ok.body
    hears_echo(lab, ok.media, port)
    end(call)


def lines_end_with_lf(lab):
    # LF alone ends a line too (RFC 4566 5: parsers SHOULD be tolerant)
    call, ok = up(lab, body=body_of(media_port()).replace('\r\n', '\n'))
    assert ok.media[1], ok.body
    end(call)


def telephone_event_renumbered(lab):
    # telephone-event at 96, and PCMA at 97: the answer uses the offer's numbers (6.1)
    call, ok = up(lab, body=sdp(PEER_IP, media_port(), event=96))
    assert ok.media[2] == ['8', '96'] and 'a=rtpmap:96 telephone-event/8000' in ok.body, ok.body
    end(call)
    port = media_port()
    call, ok = up(lab, body=body_of(port, 'a=rtpmap:97 PCMA/8000', 'a=rtpmap:98 telephone-event/8000', 'a=rtpmap:99 iLBC/8000',
                                    formats='99 97 98'))
    assert ok.media[2][0] == '97' and set(ok.media[2]) <= {'97', '98'}, ok.body
    assert 'a=rtpmap:97 PCMA/8000' in ok.body, ok.body
    end(call)


def telephone_event_of_another_rate(lab):
    # telephone-event/48000 and /8000: the one at the codec's rate is taken (RFC 4733 2.1)
    call, ok = up(lab, body=body_of(media_port(), 'a=rtpmap:101 telephone-event/48000', 'a=rtpmap:110 telephone-event/8000',
                                    formats='8 101 110'))
    assert '110' in ok.media[2] and '101' not in ok.media[2], ok.body
    end(call)


def no_telephone_event(lab):
    # not offered: not in the answer (6.1)
    call, ok = up(lab, body=sdp(PEER_IP, media_port(), event=None))
    assert ok.media[2] == ['8'] and 'telephone-event' not in ok.body, ok.body
    end(call)


def pcmu_only(lab):
    # PCMU alone: taken, heard, and back through the A-law line nearly as it was
    call, ok = up(lab, body=body_of(media_port(), formats='0'))
    assert ok.media[2] == ['0'], ok.body
    end(call)


def nothing_in_common(lab):
    # G.729 only, a codec nobody knows, no audio, SRTP's profile without keys → 488 (RFC 3261 13.3.1.3)
    port = media_port()
    refused(lab, body_of(port, formats='18'))
    refused(lab, body_of(port, 'a=rtpmap:96 future/8000', formats='96'))
    refused(lab, body_of(port, 'a=rtpmap:101 telephone-event/8000', formats='101'))
    refused(lab, body_of(port).replace('m=audio', 'm=video'))
    refused(lab, body_of(port).replace('RTP/AVP', 'RTP/SAVP'))
    refused(lab, body_of(port).replace('RTP/AVP', 'TCP/RTP/AVP'))
    refused(lab, body_of(0), (488, 200))


def broken_sdp(lab):
    # SDP that is none, or lacks what it must have → 400 or 488, never a call
    port = media_port()
    for body in ('v=0\r\n', 'garbage', 'v=1\r\n' + body_of(port)[5:], body_of('70000'), body_of('-1'), body_of('x'),
                 body_of(port).replace(f'c=IN IP4 {PEER_IP}\r\n', ''), body_of(port).replace(PEER_IP, '999.0.0.1'),
                 body_of(port, formats=''), 'v=0\r\n' * 3):
        refused(lab, body, (400, 488))


def hold_from_the_start(lab):
    # first offer sendonly, inactive, c=0.0.0.0 → recvonly, inactive (6.1); then resumed by re-INVITE: audio
    for way, address, want in (('sendonly', PEER_IP, ('recvonly', 'inactive')), ('inactive', PEER_IP, ('inactive',)),
                               ('recvonly', PEER_IP, ('sendonly',)), ('sendrecv', '0.0.0.0', ('recvonly', 'inactive', 'sendrecv'))):
        port = media_port()
        call, ok = up(lab, body=sdp(address, port, direction=way))
        assert ok.media[3] in want, f'{way}: {ok.body}'
        resumed = reinvite(call, body=sdp(PEER_IP, port, version=2))
        assert resumed.status == 200 and resumed.media[3] == 'sendrecv', resumed.raw
        hears_echo(lab, resumed.media, port)
        end(call)


def answer_only_pcmu(lab):
    # INVITE without SDP; 200 offers; ACK answers PCMU alone at its own port: echo in PCMU
    port = media_port()
    call = lab.call(body='').send_invite()
    ok = call.wait(200)
    assert '0' in ok.media[2] and '8' in ok.media[2], ok.body
    call.ack(ok, body=sdp(PEER_IP, port, codecs=(0,), event=None))
    hears_echo(lab, ok.media, port, codec='pcmu')
    end(call)


def answer_refuses_our_offer(lab):
    # 200 offers, ACK answers with port 0 or with nothing usable: the call is ended by BYE (RFC 3261 14.1, 13.2.1), not left dumb
    for body in body_of(0), body_of(4000, formats='18'), 'garbage', '':
        call = lab.call(body='').send_invite()
        ok = call.wait(200)
        call.ack(ok, body=body)
        bye = call.expect_bye(8)
        assert bye.get('reason'), bye.raw


# ---- RFC 3264 8: changing the session

def version_rules(lab):
    # the same session again: same version; a changed one: exactly one more; the session id never changes (8, RFC 4566 5.2)
    port = media_port()
    call, ok = up(lab, body=sdp(PEER_IP, port))
    first = origin(ok)
    same = reinvite(call, body=sdp(PEER_IP, port))
    assert origin(same) == first and same.body == ok.body, (ok.body, same.body)
    held = reinvite(call, body=sdp(PEER_IP, port, direction='sendonly', version=2))
    assert origin(held) == (first[0], first[1] + 1), (first, held.body)
    resumed = reinvite(call, body=sdp(PEER_IP, port, version=3))
    assert origin(resumed) == (first[0], first[1] + 2), (first, resumed.body)
    end(call)


def media_moves(lab):
    # re-INVITE with another port, then another address, then another codec: audio follows each time (8.3.1, 8.3.2)
    port = media_port()
    call, ok = up(lab, body=sdp(PEER_IP, port))
    hears_echo(lab, ok.media, port)
    port = media_port()
    moved = reinvite(call, body=sdp(PEER_IP, port, version=2))
    hears_echo(lab, moved.media, port)
    port = media_port('127.0.0.3')
    moved = reinvite(call, body=sdp('127.0.0.3', port, version=3))
    hears_echo(lab, moved.media, port, ip='127.0.0.3')
    port = media_port()
    moved = reinvite(call, body=sdp(PEER_IP, port, codecs=(0,), version=4))
    assert moved.media[2][0] == '0', moved.body
    hears_echo(lab, moved.media, port, codec='pcmu')
    end(call)


def hold_forms(lab):
    # sendonly, inactive, recvonly, c=0.0.0.0, port unchanged; silence while held; resumed with audio (8.4)
    port = media_port()
    call, ok = up(lab, body=sdp(PEER_IP, port))
    version = 1
    for way, address, want in (('sendonly', PEER_IP, ('recvonly', 'inactive')), ('inactive', PEER_IP, ('inactive',)),
                               ('recvonly', PEER_IP, ('sendonly',)), ('sendrecv', '0.0.0.0', ('recvonly', 'inactive', 'sendrecv'))):
        version += 1
        held = reinvite(call, body=sdp(address, port, direction=way, version=version))
        assert held.status == 200 and held.media[3] in want, f'{way}: {held.raw}'
        if way != 'recvonly':
            time.sleep(0.1)
            probe = lab.probe('--remote', f'{ok.media[0]}:{ok.media[1]}', '--duration', '300ms', '--wait', '500ms', '--send', 'silence',
                              '--expect', 'nothing', port=port, expect=(0, 1, 2))
            probe.wait()
            assert probe.json['packets_received'] == 0, f'{way} {address}: {probe.output}'
        version += 1
        resumed = reinvite(call, body=sdp(PEER_IP, port, version=version))
        assert resumed.status == 200 and resumed.media[3] == 'sendrecv', resumed.raw
    hears_echo(lab, ok.media, port)
    end(call)


def reinvite_without_sdp(lab):
    # the gateway offers in its 200: same session id, same media address; the answer in the ACK moves the media (14.2 of RFC 3261)
    port = media_port()
    call, ok = up(lab, body=sdp(PEER_IP, port))
    new = media_port()
    offered = reinvite(call, answer=sdp(PEER_IP, new, version=2))
    assert offered.status == 200 and origin(offered)[0] == origin(ok)[0], offered.raw
    assert offered.media[3] == 'sendrecv' and '8' in offered.media[2], offered.body
    hears_echo(lab, offered.media, new)
    end(call)


def lines_added_and_dropped(lab):
    # re-INVITE adds a video line → port 0; a later offer keeps it at port 0 → still two lines; one fewer is wrong → 488/400 (8)
    port = media_port()
    call, _ = up(lab, body=body_of(port))
    added = reinvite(call, body=body_of(port, 'm=video 4000 RTP/AVP 31').replace('1000 1', '1000 2'))
    assert [line.split()[1] == '0' for line in m_lines(added.body)] == [False, True], added.raw
    kept = reinvite(call, body=body_of(port, 'm=video 0 RTP/AVP 31').replace('1000 1', '1000 3'))
    assert len(m_lines(kept.body)) == 2, kept.raw
    audio_off = reinvite(call, body=body_of(0, 'm=video 0 RTP/AVP 31').replace('1000 1', '1000 4'))
    assert audio_off.status in (200, 488), audio_off.raw
    back = reinvite(call, body=body_of(port, 'm=video 0 RTP/AVP 31').replace('1000 1', '1000 5'))
    assert back.status == 200 and m_lines(back.body)[0].split()[1] != '0', back.raw
    hears_echo(lab, back.media, port)
    end(call)


# ---- RFC 3262

def rack(response):
    return f'RAck: {response.get("rseq")} {response.get("cseq")}'


def reliable_until_prack(lab):
    # Require: 100rel → 180 with Require and RSeq, repeated at T1, 2 T1 … until PRACK (3); then silence
    call = lab.call(RINGS, extra='Require: 100rel').send_invite()
    first = call.wait('1xx')
    second, third = call.wait('1xx', 2), call.wait('1xx', 3)
    assert '100rel' in first.get('require') and 1 <= int(first.get('rseq')) < 1 << 31, first.raw
    assert first.raw == second.raw == third.raw
    assert 0.3 < second.at - first.at < third.at - second.at, (second.at - first.at, third.at - second.at)
    call.prack(first)
    assert final(call, 'PRACK').status == 200
    assert not lab.peer.quiet(call.call_id, 1.2)
    branch, call.cseq = call.branch, 1
    call.branch = branch
    drop(call)


def prack_of_something_else(lab):
    # PRACK with another RSeq or CSeq → 481 (3), the 180 is still repeated; the right one → 200; once more → 481
    call = lab.call(RINGS, extra='Require: 100rel').send_invite()
    ringing = call.wait('1xx')
    rseq = int(ringing.get('rseq'))
    for value in f'{rseq + 1} 1 INVITE', f'{rseq} 2 INVITE', '0 0 INVITE':
        assert ask(call, 'PRACK', extra=f'RAck: {value}').status in (481, 400), value
    assert call.wait('1xx', 5).get('rseq') == str(rseq)
    assert ask(call, 'PRACK', extra=rack(ringing)).status == 200
    again(lab.peer)
    assert final(call, 'PRACK').status == 200      # a retransmission (17.2.2)
    assert ask(call, 'PRACK', extra=rack(ringing)).status == 481
    assert ask(call, 'PRACK').status in (400, 481)      # no RAck at all
    call.cseq = 1
    drop(call)


def prack_of_another_method(lab):
    # RAck with the right numbers and another method matches nothing → 481 (3, 7.2)
    call = lab.call(RINGS, extra='Require: 100rel').send_invite()
    ringing = call.wait('1xx')
    answer = ask(call, 'PRACK', extra=f'RAck: {ringing.get("rseq")} 1 BYE')
    repeated = call.wait('1xx', 5)
    remote, call.remote = call.remote, call.remote.split(';tag=')[0]
    untagged = ask(call, 'PRACK', extra=rack(ringing))     # nor does one of no dialog (RFC 3261 12.2.2)
    call.remote = remote
    assert ask(call, 'PRACK', extra=rack(ringing)).status == 200
    call.cseq = 1
    drop(call)
    assert answer.status == 481, answer.start
    assert repeated.get('rseq') == ringing.get('rseq')     # and stops no repetition
    assert untagged.status == 481, untagged.start


def answer_waits_for_prack(lab):
    # a reliable 18x with the answer, unacknowledged: no 200 before its PRACK (3: MUST NOT if it carried SDP)
    call = lab.call(EARLY, extra='Require: 100rel').send_invite()
    early = call.wait('1xx')
    while not early.body:
        ask(call, 'PRACK', extra=rack(early))
        early = call.wait('1xx')
    time.sleep(2)
    assert not [m for m in lab.peer.quiet(call.call_id, 0.1) if ' 200 ' in m]
    call.send('PRACK', extra=rack(early))
    assert final(call, 'PRACK').status == 200
    ok = final(call, 'INVITE', 1)
    assert ok.status == 200
    call.ack(ok)
    end(call)


def rseq_rises(lab):
    # each reliable provisional has the RSeq of the one before plus one (3), and is sent only after that one's PRACK
    call = lab.call(EARLY, extra='Require: 100rel').send_invite()
    last = None
    while True:
        answer = call.wait(lambda m: m.method == 'INVITE' and m.status > 100, 8)
        if answer.status >= 200:
            break
        assert last is None or int(answer.get('rseq')) == last + 1, answer.raw
        last = int(answer.get('rseq'))
        assert ask(call, 'PRACK', extra=rack(answer)).status == 200
    assert answer.status == 200 and last
    call.ack(answer)
    end(call)


def offer_in_prack(lab):
    # 183 reliable with the answer; PRACK with a new offer → its 200 has the answer (5), media there
    call = lab.call(EARLY, extra='Require: 100rel').send_invite()
    early = call.wait('1xx')
    while not early.body:
        ask(call, 'PRACK', extra=rack(early))
        early = call.wait('1xx')
    port = media_port()
    answer = ask(call, 'PRACK', extra=rack(early), body=sdp(PEER_IP, port, version=2))
    assert answer.status == 200 and answer.media, answer.raw
    ok = final(call, 'INVITE', 1)
    call.ack(ok)
    hears_echo(lab, answer.media, port)
    end(call)


def peer_without_100rel(lab):
    # neither Supported nor Require: no RSeq, no Require: 100rel (3), the 180 comes once
    call = lab.call(RINGS).send_invite()
    ringing = call.wait('1xx')
    assert not ringing.get('rseq') and '100rel' not in ringing.get('require'), ringing.raw
    assert not lab.peer.quiet(call.call_id, 1.2)
    drop(call)


def cancelled_while_unacknowledged(lab):
    # reliable 180 without PRACK, CANCEL → 487; the 180 is not repeated any more
    call = lab.call(RINGS, extra='Require: 100rel').send_invite()
    call.wait('1xx')
    drop(call)
    assert not lab.peer.quiet(call.call_id, 1.2)


def reliable_out_of_order(lab):
    # as caller: RSeq 5 → PRACK; RSeq 7 (a gap) → no PRACK (4); RSeq 6, then 7 → PRACK each; 5 again → no new PRACK
    later, dialog, _ = ring(lab)

    def provisional(rseq):
        dialog.respond(180, extra=f'Require: 100rel\r\nRSeq: {rseq}')

    def prack(rseq):
        request = lab.peer.wait(dialog.call_id, 'PRACK', 1.5)
        lab.peer.respond(request, 200, 'OK')
        assert request.get('rack').split()[0] == str(rseq), request.raw
    provisional(5)
    prack(5)
    provisional(7)
    assert 'PRACK' not in str(lab.peer.quiet(dialog.call_id, 0.3))
    provisional(6)
    prack(6)
    provisional(7)
    prack(7)
    provisional(5)
    assert 'PRACK' not in str(lab.peer.quiet(dialog.call_id, 0.3))
    dialog.respond(486)
    lab.peer.wait(dialog.call_id, 'ACK')
    later.result()


# ---- RFC 3311

def update_early_and_confirmed(lab):
    # UPDATE with an offer in the early dialog (after the answer) and in the confirmed one → 200 with the answer (5.2)
    call = lab.call(EARLY, extra='Supported: 100rel').send_invite()
    early = call.wait('1xx')
    while not early.body:
        if early.get('rseq'):
            ask(call, 'PRACK', extra=rack(early))
        early = call.wait('1xx')
    if early.get('rseq'):
        assert ask(call, 'PRACK', extra=rack(early)).status == 200
        answer = ask(call, 'UPDATE', body=sdp(PEER_IP, media_port(), version=2))
        assert answer.status == 200 and answer.media and answer.get('contact'), answer.raw
    ok = final(call, 'INVITE', 1)
    call.ack(ok)
    port = media_port()
    answer = ask(call, 'UPDATE', body=sdp(PEER_IP, port, version=3))
    assert answer.status == 200 and answer.media, answer.raw
    media = answer.media
    hears_echo(lab, media, port)
    answer = ask(call, 'UPDATE')      # without an offer: only the target (5.2)
    assert answer.status == 200 and not answer.body, answer.raw
    assert ask(call, 'UPDATE', body=sdp(PEER_IP, port, codecs=(18,), version=4)).status == 488
    hears_echo(lab, media, port)
    end(call)


def update_before_any_answer(lab):
    # UPDATE with an offer while the INVITE's is unanswered → 491, or 500 with Retry-After (5.2)
    call = lab.call(RINGS).send_invite()
    ringing = call.wait(180)
    if not ringing.body:
        answer = ask(call, 'UPDATE', body=sdp(PEER_IP, media_port(), version=2))
        assert answer.status == 500 and answer.get('retry-after') or answer.status == 491, answer.raw
    call.cseq = 1
    drop(call)


def update_while_our_offer_is_open(lab):
    # re-INVITE without SDP: the 200's offer waits for the ACK; an UPDATE with an offer → 491 (5.2); then the ACK: all is well
    port = media_port()
    call, _ = up(lab, body=sdp(PEER_IP, port))
    call.send('INVITE')
    offered = final(call, 'INVITE')
    answer = ask(call, 'UPDATE', body=sdp(PEER_IP, media_port(), version=2))
    call.ack(offered, body=sdp(PEER_IP, port, version=2))
    assert answer.status == 491, answer.start
    hears_echo(lab, offered.media, port)
    end(call)


# ---- RFC 4028, RFC 3326

def interval_too_small(lab):
    # Session-Expires below the minimum → 422 with Min-SE (9), for INVITE, re-INVITE and UPDATE; the call stands
    call = lab.call(extra='Supported: timer\r\nSession-Expires: 60').send_invite()
    answer = final(call)
    call.ack(answer)
    assert answer.status == 422 and int(answer.get('min-se').split(';')[0]) >= 90, answer.raw
    call, _ = up(lab)
    for method in 'INVITE', 'UPDATE':
        args = {'extra': 'Supported: timer\r\nSession-Expires: 60'}
        answer = reinvite(call, body=call.body, **args) if method == 'INVITE' else ask(call, method, **args)
        assert answer.status == 422 and answer.get('min-se'), answer.raw
    end(call)


def interval_agreed(lab):
    # 200 has Session-Expires with a refresher; Require: timer when the caller refreshes (9); x is its compact form
    low = 'Supported: timer\r\n'
    for extra, refresher in ((low + 'Session-Expires: 1800;refresher=uac', 'uac'), (low + 'Session-Expires: 1800;refresher=uas', 'uas'),
                             (low + 'x: 1800', None), ('Require: timer\r\nx: 1800 ; refresher=UAC', 'uac')):
        call, ok = up(lab, extra=extra)
        value = ok.get('session-expires').replace(' ', '')
        found = re.match(r'(\d+);.*refresher=(ua[cs])', value, re.I)
        assert found and 90 <= int(found[1]) <= 1800, f'{extra}: {ok.raw}'
        assert refresher in (None, found[2].lower()), f'{extra}: {value}'
        assert found[2].lower() == 'uas' or 'timer' in ok.get('require'), ok.raw
        refresh = ask(call, 'UPDATE', extra=f'{low}Session-Expires: 1800;refresher={found[2]}')
        assert refresh.status == 200 and refresh.get('session-expires'), refresh.raw
        end(call)


def interval_without_support(lab):
    # the caller knows no timers: whatever the gateway wants, it refreshes itself, and no Require: timer (9)
    call, ok = up(lab)
    assert 'timer' not in ok.get('require'), ok.raw
    assert 'refresher=uac' not in ok.get('session-expires'), ok.raw
    end(call)


def our_interval_refused(lab):
    # our INVITE → 422 with Min-SE 3000: tried again with both of it or more, a new CSeq and the same Call-ID (7.3)
    later, dialog, invite = ring(lab, hold='300ms')
    if not invite.get('session-expires'):
        dialog.respond(486)
        lab.peer.wait(dialog.call_id, 'ACK')
        later.result()
        return
    dialog.respond(422, extra='Min-SE: 3000')
    lab.peer.wait(dialog.call_id, 'ACK')
    second = lab.peer.wait(dialog.call_id, 'INVITE', 3)
    assert int(second.get('session-expires').split(';')[0]) >= 3000 <= int(second.get('min-se').split(';')[0]), second.raw
    assert second.cseq > invite.cseq and not second.to_tag
    dialog.respond(200, request=second, body=sdp(PEER_IP, media_port()), extra='Require: timer\r\nSession-Expires: 3000;refresher=uac')
    lab.peer.wait(dialog.call_id, 'ACK')
    dialog.expect_bye()
    later.result()


def several_reasons(lab):
    # BYE with several Reason headers and values (RFC 3326 2: each protocol once): the Q.850 one is the ISDN cause
    call, _ = up(lab)
    end_with = 'Reason: SIP;cause=200;text="a;b, \\"c\\"", X-odd\r\nReason: Q.850 ; cause=31 ;text="x"'
    assert call.bye(extra=end_with).status == 200
    lab.nothing_held()
    cause = [e.get('cause') for e in lab.exchange_events() if e.get('message') == 'DISCONNECT' and e.get('event') == 'message'
             and e.get('direction') == 'received'][-1]
    assert cause == 31, cause


TESTS = [more_media_lines, video_first, unknown_lines, lines_end_with_lf, telephone_event_renumbered, telephone_event_of_another_rate,
         no_telephone_event, pcmu_only, nothing_in_common, broken_sdp, hold_from_the_start, answer_only_pcmu, answer_refuses_our_offer,
         version_rules, media_moves, hold_forms, reinvite_without_sdp, lines_added_and_dropped, reliable_until_prack,
         prack_of_something_else, answer_waits_for_prack, rseq_rises, offer_in_prack, peer_without_100rel,
         cancelled_while_unacknowledged, reliable_out_of_order, update_early_and_confirmed, update_before_any_answer,
         interval_too_small, interval_agreed, interval_without_support, our_interval_refused,
         several_reasons, update_while_our_offer_is_open, prack_of_another_method]
KNOWN_FAILURES = []
if __name__ == '__main__':
    raise SystemExit(run_cases(TESTS, KNOWN_FAILURES, make=Lab))
