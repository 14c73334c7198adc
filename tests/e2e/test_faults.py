#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The line and the exchange fail: killed and restarted mid-call, packets stopped for less and for more than T309."""
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


def exchange_killed_and_restarted():
    # kill -9 mid-call; it comes back within T309 with no memory of the call (RESTART, or STATUS that disagrees): cleared
    with Lab(span_options='timers: { t309: 20s }') as lab:
        call = answered(lab)
        lab.exchange.kill()
        time.sleep(0.5)
        lab.start_exchange('exchange2')
        bye = call.peer.wait(call.call_id, 'BYE', 12)
        call.peer.respond(bye, 200, 'OK')
        eventually(lambda: span(lab)['state'] == 'up', 20, 'span up again')
        lab.nothing_held()
        again = answered(lab)
        again.bye()
        lab.nothing_held()


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
    # T309 + 1 s: cleared with cause 27 on both sides, every channel idle, service back by itself
    with Lab(span_options=f'timers: {{ t309: {T309_S}s }}') as lab:
        calls = [answered(lab) for _ in range(2)]
        lab.ctl('stop')
        for call in calls:
            bye = call.peer.wait(call.call_id, 'BYE', T309_S + 8)
            call.peer.respond(bye, 200, 'OK')
            assert 'cause=27' in bye.get('reason'), bye.raw
        time.sleep(1)
        lab.ctl('start')
        eventually(lambda: span(lab)['state'] == 'up', 20, 'span up again')
        eventually(lambda: span(lab)['idle'] == 30, 20, 'all channels idle')
        eventually(lambda: lab.ctl('status')['spans'][0]['idle_channels'] == 30, 20, "the far end's channels idle too")
        lab.nothing_held()
        answered(lab).bye()
        lab.nothing_held()


TESTS = [packets_stopped_within_t309, packets_stopped_beyond_t309, exchange_killed_and_restarted, exchange_gone_for_good]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
