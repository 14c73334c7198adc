#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Dialogs and transactions against RFC 3261, both roles, written from the RFC alone. Each case names its clause."""
from shared_lab import (PEER_IP, Lab, ack_failure, again, ask, drop, end, eventually, final, hears_echo, isdn_messages, media_port, re,
                        reinvite, ring, run_cases, sdp, time, up)

RINGS = '+442079460002'


# ---- the gateway answers: transactions

def invite_repeated(lab):
    # INVITE, INVITE, INVITE (one branch) → 100/180 again, one SETUP (17.2.1)
    before = len(isdn_messages(lab, 'SETUP'))
    call = lab.call(RINGS).send_invite()
    first = call.wait(180)
    for _ in range(3):
        again(lab.peer)
        repeated = call.wait(180, 1)
        assert repeated.to_tag == first.to_tag, repeated.raw
    assert len(isdn_messages(lab, 'SETUP')) == before + 1
    drop(call)


def invite_repeated_after_final(lab):
    # INVITE → 486, INVITE → 486 with the same tag (17.2.1); after 200 and ACK it is absorbed (RFC 6026 7.1): no second call
    call = lab.call('+442079460003').send_invite()
    busy = final(call)
    again(lab.peer)
    assert final(call).to_tag == busy.to_tag
    call.ack(busy)
    before = len(isdn_messages(lab, 'SETUP'))
    call = lab.call().send_invite()
    ok = call.wait(200)
    again(lab.peer)
    call.ack(ok)
    invite = [raw for _, way, raw in lab.peer.log if way == '>' and raw.startswith(b'INVITE')][-1]
    lab.peer.send(invite)
    time.sleep(0.4)
    assert len(isdn_messages(lab, 'SETUP')) == before + 1
    end(call)


def failure_repeated_until_ack(lab):
    # 486 … 486 … ACK, silence (17.2.1: timer G from T1, ended by the ACK)
    call = lab.call('+442079460003').send_invite()
    first = final(call)
    second = final(call, timeout=1.5)
    assert 0.3 < second.at - first.at and second.raw == first.raw
    call.ack(second)
    assert not lab.peer.quiet(call.call_id, 1.3)


def answer_repeated_until_ack(lab):
    # 200 … T1 … 200 … 2 T1 … 200 … 4 T1 … 200, ACK, silence (13.3.1.4)
    call = lab.call().send_invite()
    answers = [call.wait(200) for _ in range(1)] + [call.wait(200, 6) for _ in range(3)]
    gaps = [b.at - a.at for a, b in zip(answers, answers[1:])]
    assert all(a.raw == answers[0].raw for a in answers)
    assert all(expected * 0.7 < gap for expected, gap in zip((0.5, 1, 2), gaps)), gaps
    assert gaps[0] < gaps[1] < gaps[2], gaps
    call.ack(answers[0])
    lab.peer.quiet(call.call_id, 0.1)
    assert not lab.peer.quiet(call.call_id, 1)
    end(call)


def bye_before_ack(lab):
    # 200, BYE without ACK → 200 (15: the caller may); the answer is not repeated for ever
    call = lab.call().send_invite()
    ok = call.wait(200)
    assert ask(call, 'BYE').status == 200
    call.ack(ok)
    assert not [m for m in lab.peer.quiet(call.call_id, 1.5) if 'BYE' in m]


def bye_twice(lab):
    # BYE → 200; the same again → the same 200 (17.2.2); a new BYE at once → 481, or 200 while the leg is being cleared
    call, _ = up(lab)
    first = ask(call, 'BYE')
    again(lab.peer)
    assert first.status == 200 and final(call, 'BYE').raw == first.raw
    assert ask(call, 'BYE').status in (200, 481)


def requests_after_the_end(lab):
    # the call is gone on both sides: a new BYE → 481 (15.1.2, a SHOULD), as is any other request (12.2.2)
    call, _ = up(lab)
    end(call)
    lab.nothing_held()
    for method in 'INFO', 'UPDATE', 'BYE':
        answer = ask(call, method)
        assert answer.status == 481, f'{method}: {answer.start}'


def bye_while_ringing(lab):
    # BYE in the early dialog → 200, INVITE → 487 (15.1.2)
    call = lab.call(RINGS).send_invite()
    call.wait(180)
    assert ask(call, 'BYE').status == 200
    answer = final(call, 'INVITE', 1)
    call.cseq = 1
    call.ack(answer)
    assert answer.status == 487, answer.start


def cancel_too_late(lab):
    # 200, CANCEL → 200 and no more (9.2): the call stands
    call, _ = up(lab)
    call.cancel()
    assert final(call, 'CANCEL').status in (200, 481)
    assert not lab.peer.quiet(call.call_id)
    end(call)


def cancel_of_something_else(lab):
    # CANCEL with another branch → 481 (9.2), the call rings on; then the right one ends it
    call = lab.call(RINGS).send_invite()
    call.wait(180)
    right, call.branch = call.branch, 'z9hG4bKwrong'
    call.cancel()
    assert final(call, 'CANCEL').status == 481
    assert not [m for m in lab.peer.quiet(call.call_id) if '487' in m]
    call.branch = right
    drop(call)


def cancel_twice_and_with_require(lab):
    # CANCEL with Require and Reason: not refused for it (8.2.2.3); the same CANCEL again → 200 again
    call = lab.call(RINGS).send_invite()
    call.wait(180)
    call.cancel(extra='Require: nothing-known\r\nReason: SIP;cause=200;text="Call completed elsewhere"')
    assert final(call, 'CANCEL').status == 200
    again(lab.peer)
    assert lab.peer.wait(call.call_id, lambda m: m.method == 'CANCEL').status == 200
    answer = lab.peer.wait(call.call_id, 487)
    call.ack(answer)


# ---- the gateway answers: dialogs

def wrong_tags(lab):
    # requests with a To tag, From tag or Call-ID of no dialog → 481 (12.2.2); ACK → silence; the call stands
    call, ok = up(lab)
    for method in 'BYE', 'INVITE', 'INFO', 'UPDATE', 'PRACK', 'OPTIONS':
        remote, local = call.remote, call.local
        for which in 'to', 'from':
            call.remote = remote.replace(ok.to_tag, 'nonsense') if which == 'to' else remote
            call.local = local.replace(ok.from_tag, 'nonsense') if which == 'from' else local
            extra = 'RAck: 1 1 INVITE' if method == 'PRACK' else ''
            branch = call.send(method, extra=extra, body=call.body if method in ('INVITE', 'UPDATE') else '')
            answer = final(call)
            assert answer.status == 481, f'{method}, {which}: {answer.start}'
            if method == 'INVITE':
                ack_failure(call, answer, branch)
        call.remote, call.local = remote, local
    lab.peer.request('ACK', call.target, call.call_id, call.cseq, call.local, call.remote.replace(ok.to_tag, 'x'))
    assert not lab.peer.quiet(call.call_id)
    end(call)


def cseq_goes_back(lab):
    # CSeq 100, then 50 → 500 (12.2.2), the call stands; a gap forwards is right
    call, _ = up(lab)
    call.cseq = 100
    assert ask(call, 'OPTIONS').status == 200
    for method in 'INFO', 'UPDATE', 'INVITE', 'BYE':
        call.cseq = 50
        branch = call.send(method, body=call.body if method in ('INVITE', 'UPDATE') else '', content_type='application/sdp')
        answer = final(call)
        assert answer.status == 500, f'{method}: {answer.start}'
        if method == 'INVITE':
            ack_failure(call, answer, branch)
    call.cseq = 2000000000
    end(call)


def cseq_of_another_method(lab):
    # the CSeq's method is not the request's → 400 (8.1.1.5), nothing breaks
    call, _ = up(lab)
    call.cseq += 1
    lab.peer.send(f'INFO {call.target} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER_IP}:{lab.peer.port};branch=z9hG4bKodd{call.cseq};rport\r\n'
                  f'Max-Forwards: 70\r\nFrom: {call.local}\r\nTo: {call.remote}\r\nCall-ID: {call.call_id}\r\n'
                  f'CSeq: {call.cseq} BYE\r\nContent-Length: 0\r\n\r\n')
    answers = lab.peer.quiet(call.call_id, 0.5)
    assert all(' 400 ' in a for a in answers), answers
    end(call)


def invite_in_early_dialog(lab):
    # INVITE … 180, INVITE (next CSeq) → 500 with Retry-After (14.2), the first rings on
    call = lab.call(RINGS).send_invite()
    call.wait(180)
    branch = call.send('INVITE', body=call.body)
    answer = final(call, 'INVITE', 2)
    ack_failure(call, answer, branch)
    assert answer.status == 500 and 0 <= int(answer.get('retry-after').split()[0]) <= 10, answer.raw
    call.cseq = 1
    drop(call)


def two_reinvites_at_once(lab):
    # INVITE 2, INVITE 3 together: each gets a final answer; a refusal is 500 with Retry-After or 491 (14.2)
    call, _ = up(lab)
    branches = [call.send('INVITE', body=sdp(PEER_IP, media_port(), version=n)) for n in (2, 3)]
    for cseq, branch in zip((2, 3), branches):
        answer = final(call, 'INVITE', cseq)
        assert answer.status in (200, 491, 500), answer.start
        assert answer.status != 500 or answer.get('retry-after'), answer.raw
        if answer.status == 200:
            call.ack(answer)
        else:
            ack_failure(call, answer, branch)
    assert not lab.peer.quiet(call.call_id, 0.8)
    end(call)


def reinvite_repeated(lab):
    # a re-INVITE's 200 is repeated until its own ACK (14.2, 13.3.1.4); ACK of the first INVITE does not count
    call, ok = up(lab)
    call.send('INVITE', body=sdp(PEER_IP, media_port(), version=2))
    answer = final(call, 'INVITE')
    call.ack(ok)
    second = final(call, 'INVITE', timeout=1.5)
    assert second.raw == answer.raw
    call.ack(second)
    assert not lab.peer.quiet(call.call_id, 1.2)
    end(call)


def bye_while_reinvite_unacked(lab):
    # re-INVITE → 200, no ACK, BYE → 200; nothing is held
    call, _ = up(lab)
    call.send('INVITE', body=call.body)
    ok = final(call, 'INVITE')
    end(call)
    call.ack(ok)


def cancel_of_reinvite(lab):
    # CANCEL of a re-INVITE already answered → 200; the call goes on
    call, _ = up(lab)
    branch = call.send('INVITE', body=call.body)
    ok = final(call, 'INVITE')
    lab.peer.request('CANCEL', call.target, call.call_id, call.cseq, call.local, call.remote, branch=branch, contact=False)
    assert final(call, 'CANCEL').status in (200, 481)
    call.ack(ok)
    end(call)


def reinvite_refused_keeps_call(lab):
    # INVITE with G.729 only → 488 (14.2: the session stays as it was): audio goes on at the old place
    port = media_port()
    call, ok = up(lab, body=sdp(PEER_IP, port))
    answer = reinvite(call, body=sdp(PEER_IP, media_port(), codecs=(18,), version=2))
    assert answer.status == 488, answer.start
    hears_echo(lab, ok.media, port)
    end(call)


def reinvite_with_unknown_require(lab):
    # INVITE, Require: x → 420 with Unsupported: x (8.2.2.3); the call stands
    call, _ = up(lab)
    answer = reinvite(call, body=call.body, extra='Require: teleport, 100rel')
    end(call)
    assert answer.status == 420 and answer.get('unsupported') == 'teleport', answer.raw


def unknown_require(lab):
    # INVITE, Require: x outside a dialog → 420 with Unsupported: x (8.2.2.3)
    call = lab.call(extra='Require: teleport').send_invite()
    answer = final(call)
    call.ack(answer)
    assert answer.status == 420 and answer.get('unsupported') == 'teleport', answer.raw


def target_refresh(lab):
    # INVITE with a new Contact: the gateway's BYE goes there (12.2.2); Record-Route of a re-INVITE changes nothing (12.2)
    moved = lab.add_peer()
    call, _ = up(lab, '+442079460012')
    lab.peer.contact, old = moved.contact.replace('peer@', 'moved@'), lab.peer.contact
    try:
        assert reinvite(call, body=call.body, extra=f'Record-Route: <sip:{PEER_IP}:9;lr>').status == 200
    finally:
        lab.peer.contact = old
    bye = moved.wait(call.call_id, 'BYE', 5)
    moved.respond(bye, 200, 'OK')
    assert bye.uri.startswith('sip:moved@') and not bye.get('route'), bye.raw


def merged(lab):
    # one INVITE by two ways: the second → 482 (8.2.2.2), the first goes on
    call = lab.call(RINGS).send_invite()
    call.wait(180)
    branch = lab.peer.request('INVITE', call.uri, call.call_id, call.cseq, call.local, f'<{call.uri}>', body=call.body)
    answer = final(call)
    assert answer.status == 482, answer.start
    lab.peer.request('ACK', call.uri, call.call_id, call.cseq, call.local, answer.get('to'), branch=branch)
    drop(call)


def unknown_methods(lab):
    # 501 or 405 with Allow (8.2.1), outside and inside a dialog; the call stands
    call, _ = up(lab)
    for method in 'TELEPORT', 'PUBLISH', 'MESSAGE', 'INVITEX', 'bye':
        answer = ask(call, method)
        assert answer.status in (405, 501) and (answer.status == 501 or answer.get('allow')), answer.raw
        other = lab.call()
        other.body = None
        answer = ask(other, method)
        assert answer.status in (405, 501) and (answer.status == 501 or answer.get('allow')), answer.raw
    end(call)


def options(lab):
    # OPTIONS → 200 with Allow, Accept, Supported (11.2); inside a dialog 200, the call stands
    call, _ = up(lab)
    other = lab.call()
    outside, inside = ask(other, 'OPTIONS'), ask(call, 'OPTIONS')
    for answer in outside, inside:
        assert answer.status == 200, answer.start
        assert {'INVITE', 'ACK', 'CANCEL', 'BYE'} <= set(re.split(r'[,\s]+', answer.get('allow'))), answer.raw
    assert 'application/sdp' in outside.get('accept') and outside.to_tag, outside.raw
    assert '100rel' in outside.get('supported'), outside.raw
    end(call)


def strays(lab):
    # requests of no dialog: BYE, CANCEL, INFO, UPDATE, PRACK, NOTIFY → 481 or less; ACK → silence
    for method, want in ('BYE', (481,)), ('CANCEL', (481,)), ('INFO', (481, 405)), ('UPDATE', (481,)), ('PRACK', (481,)), \
            ('NOTIFY', (481, 489, 405)), ('SUBSCRIBE', (489, 405, 403)), ('REFER', (481, 405, 403, 400)):
        stray = lab.call()
        stray.remote += ';tag=gone' if method not in ('CANCEL', 'SUBSCRIBE', 'REFER') else ''
        answer = ask(stray, method, extra={'PRACK': 'RAck: 1 1 INVITE'}.get(method, ''))
        assert answer.status in want, f'{method}: {answer.start}'
    stray = lab.call()
    stray.send('ACK')
    assert not lab.peer.quiet(stray.call_id)


def bodies(lab):
    # an unknown body → 415 with Accept; an unknown encoding → 415 with Accept-Encoding (8.2.3); Content-Disposition optional → taken
    call = lab.call(body='hello', content_type='text/plain').send_invite()
    answer = final(call)
    call.ack(answer)
    assert answer.status == 415 and 'application/sdp' in answer.get('accept'), answer.raw
    call = lab.call(extra='Content-Encoding: gzip').send_invite()
    answer = final(call)
    call.ack(answer)
    assert answer.status == 415 and answer.get('accept-encoding') is not None, answer.raw


# ---- routes

def record_route_as_callee(lab):
    # Record-Route A, B → copied into 180 and 200 (12.1.1); BYE: Route A, B in this order, Request-URI the Contact (12.2.1.1)
    near, far = f'<sip:near@{PEER_IP}:{lab.peer.port};lr>', '<sip:far@198.51.100.7:5099;lr;x="y">'
    call = lab.call('+442079460012', extra=f'Record-Route: {near}\r\nRecord-Route: {far}').send_invite()
    ok = call.wait(200)
    assert ', '.join(ok.all('record-route')).replace(' ', '') == f'{near},{far}', ok.raw
    call.route = ()
    call.ack(ok)
    bye = call.expect_bye()
    assert ', '.join(bye.all('route')).replace(' ', '') == f'{near},{far}', bye.raw
    assert bye.uri in lab.peer.contact, bye.start


def strict_router_as_callee(lab):
    # the first Record-Route without lr: Request-URI is it, Route is the rest and the Contact at the end (12.2.1.1)
    near, far = f'<sip:near@{PEER_IP}:{lab.peer.port}>', '<sip:far@198.51.100.7:5099;lr>'
    call = lab.call('+442079460012', extra=f'Record-Route: {near}, {far}').send_invite()
    ok = call.wait(200)
    call.route = ()
    call.ack(ok)
    bye = call.expect_bye()
    routes = re.findall(r'<([^>]*)>', ', '.join(bye.all('route')))
    assert bye.uri == near.strip('<>'), bye.raw
    assert routes[0] == far.strip('<>') and routes[-1] in lab.peer.contact and len(routes) == 2, bye.raw


def record_route_as_caller(lab):
    # 200 with Record-Route B, A: ACK and BYE have Route A, B (12.1.2: reversed), Request-URI the 200's Contact
    later, dialog, _ = ring(lab, hold='300ms')
    near, far = f'<sip:near@{PEER_IP}:{lab.peer.port};lr>', '<sip:far@198.51.100.7:5099;lr>'
    dialog.respond(180, extra=f'Record-Route: {far}\r\nRecord-Route: {near}')
    dialog.respond(200, body=sdp(PEER_IP, media_port()), extra=f'Record-Route: {far}\r\nRecord-Route: {near}',
                   contact=f'<sip:me@{PEER_IP}:{lab.peer.port};a=b>')
    ack = lab.peer.wait(dialog.call_id, 'ACK')
    bye = dialog.expect_bye()
    for request in ack, bye:
        assert ', '.join(request.all('route')).replace(' ', '') == f'{near},{far}', request.raw
        assert request.uri == f'sip:me@{PEER_IP}:{lab.peer.port};a=b', request.raw
    later.result()


def tags_and_cseq_as_caller(lab):
    # ACK has the INVITE's CSeq, BYE the next; From, To and Call-ID stay (12.2.1.1); display names may not
    later, dialog, invite = ring(lab, hold='300ms')
    dialog.respond(200, body=sdp(PEER_IP, media_port()))
    ack = lab.peer.wait(dialog.call_id, 'ACK')
    bye = dialog.expect_bye()
    assert ack.cseq == invite.cseq and bye.cseq == invite.cseq + 1, bye.raw
    assert ack.from_tag == bye.from_tag == invite.from_tag and bye.to_tag == dialog.tag
    branches = [re.search('branch=([^;,]+)', m.get('via'))[1] for m in (invite, ack, bye)]
    assert len(set(branches)) == 3 and all(b.startswith('z9hG4bK') for b in branches), branches
    assert bye.get('max-forwards') and not bye.body
    later.result()


# ---- the gateway calls

def refusals_of_our_invite(lab):
    # final answer → ACK on the same branch and Request-URI (17.1.1.3), the ISDN side cleared with the cause of RFC 3398 8.2.6.1
    rows = [(401, 21), (402, 21), (405, 63), (406, 79), (407, 21), (408, 102), (410, 22), (413, 127), (414, 127), (415, 79),
            (416, 127), (420, 127), (421, 127), (482, 25), (483, 25), (485, 1), (493, None), (499, None), (501, 79), (502, 38),
            (504, 102), (505, 127), (513, 127), (555, None), (600, 17), (604, 1), (606, None), (699, None)]
    wrong = []
    for status, cause in rows:
        later, dialog, invite = ring(lab)
        extra = {401: 'WWW-Authenticate: Digest realm="x", nonce="1"', 407: 'Proxy-Authenticate: Digest realm="x", nonce="1"',
                 420: 'Unsupported: 100rel', 493: 'Warning: 399 x "undecipherable"'}.get(status, '')
        dialog.respond(status, extra=extra)
        ack = lab.peer.wait(dialog.call_id, 'ACK')
        assert ack.get('via') == invite.get('via') and ack.uri == invite.uri and ack.cseq == invite.cseq, ack.raw
        assert ack.to_tag == dialog.tag, ack.raw
        seen = later.result()['calls'][0]['cause']
        if seen != cause if cause else seen in (None, 0, 16):
            wrong.append(f'{status}: cause {seen}, not {cause}')
    assert not wrong, wrong


def redirected(lab):
    # 300, 301, 302, 305, 380 with a Contact elsewhere: followed or refused, and ACKed; the ISDN side ends with a cause
    for status in 300, 301, 302, 305, 380:
        later, dialog, _ = ring(lab)
        dialog.respond(status, extra='Contact: <sip:+442079465555@192.0.2.1:5999>, <sip:%00@[::]>;q=0.1')
        lab.peer.wait(dialog.call_id, 'ACK')
        assert later.result()['calls'][0]['cause'] not in (None, 0, 16)


def storm_of_provisionals(lab):
    # 50 answers 180 … 199 in every order, with and without To tags of one dialog, then 200: one call, ACKed once
    later, dialog, _ = ring(lab, hold='500ms')
    for n in range(50):
        status = (180, 183, 182, 181, 199, 180 + n % 20, 100, 155)[n % 8]
        dialog.respond(status, body=sdp(PEER_IP, 40000) if status == 183 and n % 3 else '')
    dialog.respond(200, body=sdp(PEER_IP, media_port()))
    lab.peer.wait(dialog.call_id, 'ACK')
    dialog.expect_bye()
    result = later.result()
    assert result['answered'] == 1, result


def ringing_orders(lab):
    # 180 after 183 and 183 after 180, without tags in between: ALERTING is sent once (Q.931 5.2.5)
    for first, second in (183, 180), (180, 183), (182, 180):
        before = len(isdn_messages(lab, 'ALERTING'))
        later, dialog, _ = ring(lab, hold='300ms')
        dialog.respond(first)
        dialog.respond(second)
        dialog.respond(180)
        eventually(lambda: len(isdn_messages(lab, 'ALERTING')) > before, 3, f'ALERTING after {first}, {second}')
        dialog.respond(200, body=sdp(PEER_IP, media_port()))
        lab.peer.wait(dialog.call_id, 'ACK')
        dialog.expect_bye()
        later.result()
        assert len(isdn_messages(lab, 'ALERTING')) == before + 1


def trying_then_silence(lab):
    # 100 and no more; the ISDN caller gives up → CANCEL (9.1: a 100 is enough) with the INVITE's branch, CSeq, To without tag
    later, dialog, invite = ring(lab, abandon_after='700ms')
    dialog.respond(100)
    cancel = lab.peer.wait(dialog.call_id, 'CANCEL')
    assert cancel.all('via') == invite.all('via')[:1] and cancel.uri == invite.uri and cancel.cseq == invite.cseq, cancel.raw
    assert cancel.get('to') == invite.get('to') and cancel.get('from') == invite.get('from'), cancel.raw
    assert 'cause=16' in cancel.get('reason') or 'cause=' in cancel.get('reason'), f'RFC 3326: {cancel.raw}'
    lab.peer.respond(cancel, 200, 'OK')
    dialog.respond(487)
    lab.peer.wait(dialog.call_id, 'ACK')
    later.result()


def no_cancel_before_a_provisional(lab):
    # INVITE without any answer, the caller gives up: no CANCEL (9.1) until a provisional comes, then it does
    later, dialog, _ = ring(lab, abandon_after='300ms')
    later.result()
    time.sleep(0.3)
    assert not [m for m in lab.peer.quiet(dialog.call_id) if 'CANCEL' in m]
    dialog.respond(180)
    cancel = lab.peer.wait(dialog.call_id, 'CANCEL')
    lab.peer.respond(cancel, 200, 'OK')
    dialog.respond(487)
    lab.peer.wait(dialog.call_id, 'ACK')


def answer_crosses_cancel(lab):
    # CANCEL → 200, INVITE → 200 all the same: ACK, then BYE (9.1, 15.1)
    later, dialog, _ = ring(lab, abandon_after='500ms')
    dialog.respond(180)
    cancel = lab.peer.wait(dialog.call_id, 'CANCEL')
    lab.peer.respond(cancel, 200, 'OK')
    dialog.respond(200, body=sdp(PEER_IP, media_port()))
    lab.peer.wait(dialog.call_id, 'ACK')
    dialog.expect_bye()
    later.result()


def answer_is_acked_every_time(lab):
    # 200, 200, 200 (the ACK was lost) → ACK each time (13.2.2.4), also after our BYE
    later, dialog, _ = ring(lab, hold='800ms')
    body = sdp(PEER_IP, media_port())
    for _ in range(3):
        dialog.respond(200, body=body)
        lab.peer.wait(dialog.call_id, 'ACK', 1)
    dialog.expect_bye()
    later.result()


def bye_refused(lab):
    # our BYE → 401, 481, 500, 603: the call is over whatever the answer (15.1.1)
    for status in 401, 481, 500, 603:
        call, _ = up(lab, '+442079460012')
        bye = lab.peer.wait(call.call_id, 'BYE')
        lab.peer.respond(bye, status)
        lab.nothing_held()


def byes_cross(lab):
    # both sides send BYE at once: each gets 200 (or 481)
    call, _ = up(lab, '+442079460012')
    bye = lab.peer.wait(call.call_id, 'BYE')
    assert ask(call, 'BYE').status in (200, 481)
    lab.peer.respond(bye, 200, 'OK')


def responses_of_no_transaction(lab):
    # answers with another branch, another CSeq or method are dropped (17.1.3): no ACK, and the call goes on as it was
    later, dialog, invite = ring(lab, hold='300ms')
    dialog.respond(180)
    good = invite.raw.decode()
    for old, new in (r'branch=z9hG4bK', 'branch=z9hG4bKx'), (f'CSeq: {invite.cseq} INVITE', f'CSeq: {invite.cseq} BYE'), \
            (r';branch=[^;\r]+', ''):
        forged = type(invite)(re.sub(old, new, good).encode(), invite.source)
        dialog.respond(200, request=forged, body=sdp(PEER_IP, media_port()))
        dialog.respond(603, request=forged)
    assert not [m for m in lab.peer.quiet(dialog.call_id, 0.5) if m.startswith(('ACK', 'BYE', 'CANCEL'))]
    dialog.respond(200, body=sdp(PEER_IP, media_port()))
    lab.peer.wait(dialog.call_id, 'ACK')
    dialog.expect_bye()
    assert later.result()['answered'] == 1


def peer_releases_early(lab):
    # 183, then the peer sends BYE on the early dialog (15: a callee must not): no crash; then 486 ends it
    later, dialog, _ = ring(lab)
    dialog.respond(183)
    dialog.send('BYE')
    lab.peer.wait(dialog.call_id, lambda m: m.is_response and m.method == 'BYE')
    dialog.respond(486)
    lab.peer.wait(dialog.call_id, 'ACK')
    later.result()


def reinvite_from_callee(lab):
    # ISDN call answered by SIP, which then sends the re-INVITEs: with an offer, without, and BYE (roles do not matter, 14)
    later, dialog, invite = ring(lab)
    port = media_port()
    dialog.respond(200, body=sdp(PEER_IP, port))
    lab.peer.wait(dialog.call_id, 'ACK')
    held = reinvite(dialog, body=sdp(PEER_IP, port, direction='sendonly', version=2))
    assert held.status == 200 and held.media[3] in ('recvonly', 'inactive'), held.raw
    offered = reinvite(dialog, answer=sdp(PEER_IP, port, version=3))
    assert offered.status == 200 and offered.media[3] == 'sendrecv', offered.raw
    assert offered.media[:2] == invite.media[:2], offered.body
    assert ask(dialog, 'BYE').status == 200
    later.result()


def held_then_asked_for_an_offer(lab):
    # held (sendonly → recvonly), then a re-INVITE without SDP: the offer is that of a brand new call (14.2), so sendrecv again:
    # this is how third-party call control resumes
    port = media_port()
    call, _ = up(lab, body=sdp(PEER_IP, port))
    held = reinvite(call, body=sdp(PEER_IP, port, direction='sendonly', version=2))
    offered = reinvite(call, answer=sdp(PEER_IP, port, version=3))
    try:
        assert held.media[3] in ('recvonly', 'inactive') and offered.media[3] == 'sendrecv', offered.body
        hears_echo(lab, offered.media, port)
    finally:
        end(call)


TESTS = [invite_repeated, invite_repeated_after_final, failure_repeated_until_ack, answer_repeated_until_ack, bye_before_ack, bye_twice,
         bye_while_ringing, cancel_too_late, cancel_of_something_else, cancel_twice_and_with_require, wrong_tags, cseq_goes_back,
         cseq_of_another_method, invite_in_early_dialog, two_reinvites_at_once, reinvite_repeated, bye_while_reinvite_unacked,
         cancel_of_reinvite, reinvite_refused_keeps_call, unknown_require, target_refresh, merged, unknown_methods, options,
         strays, bodies, record_route_as_callee, record_route_as_caller, tags_and_cseq_as_caller,
         refusals_of_our_invite, redirected, storm_of_provisionals, ringing_orders, trying_then_silence, no_cancel_before_a_provisional,
         answer_crosses_cancel, answer_is_acked_every_time, bye_refused, byes_cross, responses_of_no_transaction, peer_releases_early,
         reinvite_from_callee, held_then_asked_for_an_offer, requests_after_the_end, reinvite_with_unknown_require,
         strict_router_as_callee]
KNOWN_FAILURES = []
if __name__ == '__main__':
    raise SystemExit(run_cases(TESTS, KNOWN_FAILURES, make=Lab))
