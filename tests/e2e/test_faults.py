#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The line and the exchange fail: killed and restarted mid-call, packets stopped for less and for more than T309."""
import datetime
import re
import sys
import time

from lab import Lab, eventually, free_ports, run_tests, sdp, PEER_IP

T309_S = 4


def answered(lab, number='+442079460000'):
    port = free_ports(1, ip=PEER_IP)[0]
    call = lab.call(number, body=sdp(PEER_IP, port)).send_invite()
    ok = call.wait(200)
    call.ack(ok)
    call.media = ok.media
    call.port = port
    return call


def span(lab):
    return lab.gwctl('span', 'list')['spans'][0]


def counter(lab, name):
    groups = lab.gwctl('span', 'show', 'e1-1')['counters'].values()
    return next(group[name] for group in groups if name in group)


def is_q931(frame, *types):
    """An I frame with one of these messages of a call."""
    return len(frame) > 8 and not frame[2] & 1 and frame[4:6] == b'\x08\x02' and frame[8] in types


def at_rest(lab):
    """Every frame of the D-channel has been acknowledged: else its repetitions meet the fault, and layer 2 begins anew."""
    def quiet():
        before = counter(lab, 'frames_rx'), counter(lab, 'frames_tx')
        time.sleep(0.4)
        return before == (counter(lab, 'frames_rx'), counter(lab, 'frames_tx'))
    eventually(quiet, 20, 'a quiet D-channel')


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


def cleared_after(lab, call, mark):
    """The call's BYE is awaited; seconds from the span's return (in the log behind `mark`) to it, on the gateway's own time line: how
    busy this machine is has no part in them."""
    bye = call.peer.wait(call.call_id, 'BYE', 40)
    call.peer.respond(bye, 200, 'OK')
    back = re.search(r'^(\S+) \w+ +span e1-1: up, ', lab.gatewayd.output[mark:], re.M)
    assert back, f'the span is not back:\n{lab.gatewayd.output[mark:]}'
    ladder = lab.gwctl('call', 'trace', call.name)['entries']
    sent = next(e for e in ladder if e['summary'].startswith('BYE'))
    took = seconds_of(sent['time']) - seconds_of(back[1])
    print(f'  cleared {took:.3f} s after the span was back, by {[e["summary"] for e in ladder if e["direction"] == "in"][-2:]}')
    assert 0 <= took <= 3, took
    return ladder


def named_call(lab):
    call = answered(lab)
    call.name = lab.gwctl('call', 'list')['calls'][0]['id']
    return call


def service_is_back(lab):
    eventually(lambda: span(lab)['state'] == 'up', 20, 'span up again')
    lab.nothing_held()
    eventually(lambda: span(lab)['idle'] == 30, 20, 'all channels idle')
    again = answered(lab)
    again.bye()
    lab.nothing_held()


def exchange_killed_and_restarted():
    # kill -9 mid-call; it comes back within T309 with no memory of the call, and says so when asked: cleared within 3 s
    with Lab(span_options='timers: { t309: 60s }') as lab:
        call = named_call(lab)
        lab.exchange.kill()
        time.sleep(0.5)
        mark = len(lab.gatewayd.output)
        lab.start_exchange('exchange2')
        ladder = [(e['direction'], e['summary'].split(' (')[0]) for e in cleared_after(lab, call, mark)]
        assert ('out', 'STATUS ENQUIRY') in ladder and ('in', 'RELEASE COMPLETE') in ladder, ladder
        service_is_back(lab)


def exchange_killed_and_begins_with_restart():
    # the same, but its answers come for another call reference: RESTART of the channel clears the call, within 3 s
    with Lab(span_options='timers: { t309: 60s }', relay=True) as lab:
        call = named_call(lab)
        lab.relays[0].change = lambda frame: [frame[:6] + b'\xff\xff' + frame[8:] if is_q931(frame, 0x5a, 0x7d) else frame]
        lab.exchange.kill()
        time.sleep(0.5)
        mark = len(lab.gatewayd.output)
        lab.exchange_restarts = 'true'
        lab.start_exchange('exchange2')
        ladder = [e['summary'] for e in cleared_after(lab, call, mark)]
        assert not [m for m in ladder if m.startswith(('RELEASE', 'STATUS ('))], ladder
        eventually(lambda: counter(lab, 'restarts_rx') >= 30, 10, 'RESTARTs')
        lab.relays[0].change = lambda frame: [frame]
        service_is_back(lab)


def back_with_a_status_that_disagrees():
    # packets stopped within T309; the far end's answer to the enquiry says another state than ours: cleared within 3 s
    with Lab(span_options='timers: { t309: 60s }', relay=True) as lab:
        call = named_call(lab)
        # its call state (Q.931 4.5.7): U3 or N3 instead of active
        lab.relays[0].change = lambda frame: [frame[:-1] + b'\3' if is_q931(frame, 0x7d) else frame]
        lab.ctl('stop')
        eventually(lambda: span(lab)['state'] == 'down', 10, 'span down')
        time.sleep(1)
        mark = len(lab.gatewayd.output)
        lab.ctl('start')
        ladder = [e['summary'] for e in cleared_after(lab, call, mark)]
        assert 'STATUS (30) state 3' in ladder, ladder
        assert counter(lab, 'status_clears') == 1
        lab.relays[0].change = lambda frame: [frame]
        service_is_back(lab)


def exchange_gone_for_good():
    # killed and not restarted: T309, then cause 27, all channels idle
    with Lab(span_options=f'timers: {{ t309: {T309_S}s }}') as lab:
        calls = [answered(lab) for _ in range(3)]
        begin = time.monotonic()
        lab.exchange.kill()
        for call in calls:
            bye = call.peer.wait(call.call_id, 'BYE', T309_S + 8)
            call.peer.respond(bye, 200, 'OK')
            assert 'cause=27' in bye.get('reason'), bye.raw
        assert time.monotonic() - begin > T309_S - 1
        refused = lab.call().send_invite()
        final = refused.wait(lambda m: m.status >= 200, timeout=10)
        refused.ack(final)
        assert final.status in (502, 503), final.start
        lab.start_exchange('exchange2')
        eventually(lambda: span(lab)['state'] == 'up', 20, 'span up again')
        lab.nothing_held()
        answered(lab).bye()


def packets_stopped_within_t309():
    # silence for T309 − 1 s: the call stands, and its audio is bit exact again afterwards
    with Lab(span_options=f'timers: {{ t309: {T309_S}s }}') as lab:
        call = answered(lab)
        lab.ctl('stop')
        time.sleep(T309_S - 1)
        lab.ctl('start')
        eventually(lambda: span(lab)['state'] == 'up', 20, 'span up again')
        time.sleep(1)
        assert not call.peer.quiet(call.call_id), 'the call was touched'
        host, rtp, _, _ = call.media
        probe = lab.probe('--remote', f'{host}:{rtp}', '--duration', '2s', '--send', 'counter', '--expect', 'echo', port=call.port)
        assert probe.wait() == 0, probe.output
        call.bye()
        lab.nothing_held()


def packets_stopped_beyond_t309():
    # T309 + 1 s: cleared with cause 27 here, every channel idle. The exchange has heard us all the while, so its T309 didn't run: it
    # asks for its calls when our RDI ends, is told that there are none, and its channels are idle too. Layer 2 stands throughout
    with Lab(span_options=f'timers: {{ t309: {T309_S}s }}') as lab:
        calls = [answered(lab) for _ in range(2)]
        at_rest(lab)
        ups, before = counter(lab, 'layer2_ups'), len(lab.exchange_events())
        lab.ctl('stop')
        for call in calls:
            bye = call.peer.wait(call.call_id, 'BYE', T309_S + 8)
            call.peer.respond(bye, 200, 'OK')
            assert 'cause=27' in bye.get('reason'), bye.raw
        time.sleep(1)
        assert len(lab.ctl('status')['calls']) == 2, 'the exchange holds its calls'
        lab.ctl('start')
        eventually(lambda: span(lab)['state'] == 'up', 20, 'span up again')
        eventually(lambda: span(lab)['idle'] == 30, 20, 'all channels idle')
        eventually(lambda: lab.ctl('status')['spans'][0]['idle_channels'] == 30, 20, "the far end's channels idle too")
        assert counter(lab, 'layer2_ups') == ups, 'layer 2 began anew: what cleared the calls there was something else'
        said = [e['message'] for e in lab.exchange_events()[before:] if e.get('event') == 'wire']
        assert said.count('STATUS ENQUIRY') >= 2, said     # of each call; again when a stall of this machine flaps the line
        lab.nothing_held()
        answered(lab).bye()
        lab.nothing_held()


TESTS = [packets_stopped_within_t309, packets_stopped_beyond_t309, exchange_killed_and_restarted,
         exchange_killed_and_begins_with_restart, back_with_a_status_that_disagrees, exchange_gone_for_good]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
