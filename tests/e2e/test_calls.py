#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""SIP → ISDN, case by case: what each end of an ISDN call becomes in SIP. The exchange's side stands in lab.DEFAULT_PLAN."""
import re
import sys
import time

from lab import Lab, eventually, free_ports, run_tests, sdp, PEER_IP


def cause_in(message):
    found = re.search(r'Q\.850\s*;\s*cause=(\d+)', message.get('reason'))
    return int(found[1]) if found else None


def location_in(message):
    found = re.search(r'location=([A-Z]+)', message.get('reason'))
    return found[1] if found else None


def refusals():
    # SETUP … RELEASE COMPLETE or DISCONNECT with a cause → the status of the table, Reason with cause and location
    rows = [('0003', 486, 17, 'U'), ('0004', 404, 1, 'LN'), ('0005', 603, 21, 'U'), ('0010', 503, 34, 'LN'),
            ('0011', 503, 41, 'LN'), ('0014', 403, 21, 'LN'), ('0015', 503, 44, 'LN'), ('0016', 503, 47, 'TN')]
    with Lab() as lab:
        for number, status, cause, location in rows:
            call = lab.call(f'+44207946{number}').send_invite()
            final = call.wait(lambda m: m.status >= 200)
            call.ack(final)
            assert final.status == status, f'{number}: {final.start}, expected {status}'
            assert cause_in(final) == cause and location_in(final) == location, f'{number}: {final.get("reason")}'
        lab.nothing_held()


def overridden_by_the_span():
    # cause-map and sip-map of a span come before the built-in tables; other causes are as ever, a Reason wins
    maps = 'cause-map: [{ cause: 17, sip: 600 }], sip-map: [{ sip: 486, cause: 34 }]'
    with Lab(span_options=maps) as lab:
        for number, status in (('0003', 600), ('0004', 404)):
            call = lab.call(f'+44207946{number}').send_invite()
            final = call.wait(lambda m: m.status >= 200)
            call.ack(final)
            assert final.status == status, f'{number}: {final.start}, expected {status}'
        for status, extra, cause in ((486, '', 34), (404, '', 1), (486, 'Reason: Q.850;cause=19', 19)):
            later = lab.isdn_call(to='02079461234', **{'from': '2079461111'})
            dialog, _ = lab.peer.take_call(8)
            dialog.respond(status, extra=extra)
            dialog.peer.wait(dialog.call_id, 'ACK')
            assert later.result()['calls'][0]['cause'] == cause, (status, extra, cause)
        lab.nothing_held()


def overridden_by_the_trunk():
    # the same of a trunk; its row for a cause comes before the span's
    with Lab(span_options='cause-map: [{ cause: 17, sip: 600 }, { cause: 1, sip: 604 }]', start=False) as lab:
        lab.trunks['core'] = lab.trunk_text(lab.peer, 'cause-map: [{ cause: 1, sip: 410 }], sip-map: [{ sip: 480, cause: 31 }]')
        lab.start_exchange()
        lab.start_gateway()
        for number, status in (('0004', 410), ('0003', 600), ('0010', 503)):
            call = lab.call(f'+44207946{number}').send_invite()
            final = call.wait(lambda m: m.status >= 200)
            call.ack(final)
            assert final.status == status, f'{number}: {final.start}, expected {status}'
        later = lab.isdn_call(to='02079461234', **{'from': '2079461111'})
        dialog, _ = lab.peer.take_call(8)
        dialog.respond(480)
        dialog.peer.wait(dialog.call_id, 'ACK')
        assert later.result()['calls'][0]['cause'] == 31
        lab.nothing_held()


def called_party_has_moved():
    # cause 22 with the new number as its diagnostic (Q.850 table 1) → 301 with that number in Contact; without one → 410
    plan = """
numbers:
  - { called: "2079460000", steps: [ proceeding, { release: { cause: 22, location: public-local, diagnostics: "700ba132303739343635353535" } } ] }
  - { called: "2079460001", steps: [ proceeding, { release: { cause: 22, location: public-local } } ] }
  - { called: "2079460002", steps: [ proceeding, { release: { cause: 22, location: public-local, diagnostics: "70ffa132" } } ] }
"""
    with Lab(plan=plan) as lab:
        for number, status in (('0000', 301), ('0001', 410), ('0002', 410)):
            call = lab.call(f'+44207946{number}').send_invite()
            final = call.wait(lambda m: m.status >= 200)
            call.ack(final)
            assert final.status == status and cause_in(final) == 22, final.raw
            if status == 301:
                assert final.contact_uri == f'sip:+442079465555@127.0.0.1:{lab.sip_port}', final.raw
            else:
                assert not final.get('contact'), final.raw
        lab.nothing_held()


def released_by_either_side():
    with Lab() as lab:
        call = lab.call('+442079460000').send_invite()      # BYE from SIP → DISCONNECT 16
        ok = call.wait(200)
        call.ack(ok)
        assert call.bye().status == 200
        eventually(lambda: any(e.get('message') == 'DISCONNECT' and e.get('cause') == 16 for e in lab.exchange_events()), 5, 'clearing seen')
        call = lab.call('+442079460000').send_invite()      # … and its Reason, when there, is the cause (RFC 6432)
        ok = call.wait(200)
        call.ack(ok)
        call.send('BYE', extra='Reason: Q.850;cause=31;location=RLN')
        assert call.peer.wait(call.call_id, lambda m: m.is_response and m.method == 'BYE').status == 200
        eventually(lambda: any(e.get('message') == 'DISCONNECT' and e.get('cause') == 31 for e in lab.exchange_events()), 5,
                   'cause 31 seen')
        call = lab.call('+442079460012').send_invite()      # DISCONNECT after a second → BYE with Reason
        ok = call.wait(200)
        call.ack(ok)
        bye = call.peer.wait(call.call_id, 'BYE', 5)
        call.peer.respond(bye, 200, 'OK')
        assert cause_in(bye) == 16, bye.raw
        lab.nothing_held()


def cancel_in_every_state():
    # 487 and a free channel whenever CANCEL comes: before any answer to SETUP, proceeding, ringing, with early media
    with Lab(span_options='') as lab:
        for number, after in (('0009', 0.2), ('0013', 0.3), ('0002', 0.4), ('0006', 0.6), ('0000', 0.0)):
            call = lab.call(f'+44207946{number}').send_invite()
            call.wait(100)
            time.sleep(after)
            call.cancel()
            assert call.wait(lambda m: m.is_response and m.method == 'CANCEL').status == 200
            final = call.wait(lambda m: m.method == 'INVITE' and m.status >= 200)
            assert final.status in (487, 200), final.start
            call.ack(final)
            if final.status == 200:      # it crossed the answer: RFC 3261 9.2, the call stands and BYE ends it
                call.bye()
            lab.nothing_held()


def bye_crosses_disconnect():
    # number …0012 disconnects one second after the answer; BYE goes at the same moment
    with Lab() as lab:
        for delay in (0.95, 0.98, 1.0, 1.02, 1.05):
            call = lab.call('+442079460012').send_invite()
            ok = call.wait(200)
            call.ack(ok)
            time.sleep(delay)
            call.send('BYE')
            answer = call.peer.wait(call.call_id, lambda m: m.is_response and m.method == 'BYE' or m.method == 'BYE', 5)
            if not answer.is_response:
                call.peer.respond(answer, 200, 'OK')
                answer = call.peer.wait(call.call_id, lambda m: m.is_response and m.method == 'BYE', 5)
            assert answer.status in (200, 481), answer.start
            call.peer.auto['BYE'] = 200
            lab.nothing_held()


def ringing_then_no_answer():
    # ring-timeout of the span: the caller gets cause 19 → 480
    with Lab(span_options='ring-timeout: 2s') as lab:
        call = lab.call('+442079460002').send_invite()
        assert call.wait('1xx').status == 180
        final = call.wait(lambda m: m.status >= 200, timeout=8)
        call.ack(final)
        assert final.status == 480 and cause_in(final) == 19, final.raw
        lab.nothing_held()


def silent_exchange():
    # SETUP without any answer: T303 or setup-timeout, whichever is first; a temporary failure, never 603
    with Lab(span_options='setup-timeout: 1500ms') as lab:
        call = lab.call('+442079460009').send_invite()
        final = call.wait(lambda m: m.status >= 200, timeout=12)
        call.ack(final)
        assert final.status in (503, 504, 480), final.start
        assert cause_in(final) in (102, 18, 27), final.raw
        lab.nothing_held(12)


def early_media_before_answer():
    # PROGRESS with in-band indicator → 183 with SDP, the tone is heard before the 200
    with Lab() as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        call = lab.call('+442079460006', body=sdp(PEER_IP, port)).send_invite()
        early = call.wait('1xx')
        assert early.status == 183 and early.media, early.raw
        host, rtp, _, _ = early.media
        probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '1s', '--send', 'silence', '--expect', 'tone:1004@-16',
                          port=port)
        assert probe.wait() == 0, probe.output
        ok = call.wait(200)
        call.ack(ok)
        assert ok.media[:2] == (host, rtp), 'the 200 repeats the same terms'
        call.bye()
        lab.nothing_held()


def announcement_in_disconnect():
    # DISCONNECT with progress indicator 8: the announcement reaches the caller as early media, then the cause
    with Lab() as lab:
        port = free_ports(1, ip=PEER_IP)[0]
        call = lab.call('+442079460007', body=sdp(PEER_IP, port)).send_invite()
        early = call.wait('1xx')
        assert early.status == 183 and early.media, early.raw
        host, rtp, _, _ = early.media
        probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '1s', '--send', 'silence', '--expect', 'tone:1004@-16',
                          port=port)
        assert probe.wait() == 0, probe.output
        final = call.wait(lambda m: m.status >= 200, timeout=40)
        call.ack(final)
        assert final.status == 404 and cause_in(final) == 1, final.raw
        lab.nothing_held()


def thirty_first_call():
    # a full span: 34 → 503; one call less and there is room again
    with Lab() as lab:
        calls = []
        for n in range(30):
            call = lab.call(f'+4420794601{n:02d}').send_invite()
            ok = call.wait(200)
            call.ack(ok)
            calls.append(call)
        extra = lab.call('+442079460199').send_invite()
        final = extra.wait(lambda m: m.status >= 200)
        extra.ack(final)
        assert final.status == 503 and cause_in(final) == 34, final.raw
        calls.pop().bye()
        eventually(lambda: lab.gwctl('span', 'list')['spans'][0]['idle'] == 1, 5, 'one channel idle')
        again = lab.call('+442079460199').send_invite()
        ok = again.wait(200)
        again.ack(ok)
        for call in calls + [again]:
            call.bye()
        lab.nothing_held()


def route_and_number_faults():
    # no route, an empty and an absurd number: refused by name, nothing placed
    with Lab() as lab:
        for number in ('abc', '+' + '9' * 70, '*'):
            call = lab.call(number).send_invite()
            final = call.wait(lambda m: m.status >= 200)
            call.ack(final)
            assert final.status in (404, 484, 400, 414), f'{number}: {final.start}'
        lab.nothing_held()


TESTS = [refusals, called_party_has_moved, overridden_by_the_span, overridden_by_the_trunk, released_by_either_side, cancel_in_every_state, bye_crosses_disconnect, ringing_then_no_answer,
         silent_exchange, early_media_before_answer, announcement_in_disconnect, thirty_first_call, route_and_number_faults]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
