#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Messages of the D-channel that never come, one after the other, and the timer of Q.931 table 9-1 that ends the wait: both sides
are told, and no leg, channel or port is left. A man in the middle loses them: an I frame that is dropped would be sent again by
layer 2, so a lost message goes on under a call reference that nobody has."""
import contextlib
import sys
import time

from lab import Lab, SipPeer, PEER_IP, eventually, free_ports, run_tests, sdp
from test_faults import answered, is_q931

CONNECT_ACK, DISCONNECT, RELEASE, RELEASE_COMPLETE = 0x0f, 0x45, 0x4d, 0x5a
TIMERS = 'timers: { t301: 2s, t302: 1s, t303: 1s, t304: 1s, t305: 1s, t308: 1s, t310: 2s, t313: 1s }'
EXCHANGE = 'timers: { t305: 1s, t308: 1s, t301: 60s, t310: 60s, t303: 60s }'

LAB = None


@contextlib.contextmanager
def lab_of(*lost):
    """The one lab of this program, in which these messages of the exchange are lost; afterwards nothing may be held."""
    global LAB
    if LAB is None:
        LAB = Lab(span_options=TIMERS, exchange_span=EXCHANGE, relay=True, jitter_ms=100).__enter__()
    lab, missed = LAB, []

    def change(frame):
        if not is_q931(frame, *lost):
            return [frame]
        missed.append(frame[8])
        return [frame[:6] + b'\x7f\xf0' + frame[8:]]

    lab.relays[0].change = change
    lab.mark = len(lab.exchange_events())
    yield lab
    lab.nothing_held(15)
    assert not lost or missed, 'nothing was lost'
    lab.relays[0].change = lambda frame: [frame]
    eventually(lambda: lab.gwctl('span', 'list')['spans'][0]['idle'] == 30, 20, 'all channels idle')
    eventually(lambda: not lab.ctl('status')['calls'], 20, 'no call at the exchange')
    call = answered(lab)        # and the next call finds everything in order
    assert call.bye().status == 200
    lab.nothing_held()


def ladder(lab):
    """What was said on the D-channel for the newest call: (direction, message)."""
    name = lab.gwctl('call', 'list', '--finished')['calls'][0]['id']
    return [(e['direction'], e['summary'].split(' (')[0]) for e in lab.gwctl('call', 'trace', name)['entries']
            if e['protocol'] == 'q931']


def refused(lab, number, status, timeout=10):
    call = lab.call(number).send_invite()
    response = call.wait(lambda m: m.is_response and m.method == 'INVITE' and m.status >= 300, timeout)
    call.ack(response)
    assert response.status == status, response.raw
    lab.nothing_held()
    return ladder(lab)


def t303_no_answer_to_setup():
    with lab_of() as lab:
        said = refused(lab, '+442079460009', 408)
        assert said.count(('out', 'SETUP')) == 2, said      # 5.1.1: once more


def t310_nothing_after_call_proceeding():
    with lab_of() as lab:
        said = refused(lab, '+442079460013', 408)
        assert ('out', 'DISCONNECT') in said, said


def t301_nobody_answers():
    with lab_of() as lab:
        said = refused(lab, '+442079460002', 480)
        assert ('in', 'ALERTING') in said and ('out', 'DISCONNECT') in said, said


def t302_no_digits_come():
    with lab_of() as lab:
        result = lab.ctl('call', 'from=2079461111', 'to=', ok=False)
        assert result['calls'][0]['cause'] in (28, 1, 3), result['calls'][0]


def t305_release_is_lost():
    # we clear; the answer to our DISCONNECT is lost: RELEASE after T305 (5.3.3). For the far end, which has sent one, that is its
    # answer (5.3.4), so T308 sends another, which meets no call there
    with lab_of(RELEASE) as lab:
        call = answered(lab)
        assert call.bye().status == 200
        lab.nothing_held(10)
        said = ladder(lab)
        assert said[-4:] == [('out', 'DISCONNECT'), ('out', 'RELEASE'), ('out', 'RELEASE'), ('in', 'RELEASE COMPLETE')], said


def t308_nothing_comes_any_more():
    # neither RELEASE nor RELEASE COMPLETE: T305, T308, T308 again, and the call is given up (5.3.3)
    with lab_of(RELEASE, RELEASE_COMPLETE) as lab:
        call = answered(lab)
        assert call.bye().status == 200
        lab.nothing_held(10)
        said = ladder(lab)
        assert said[-3:] == [('out', 'DISCONNECT'), ('out', 'RELEASE'), ('out', 'RELEASE')], said


def t308_release_complete_is_lost():
    # the exchange clears; the last word is lost: the caller in SIP hears of it at once all the same
    with lab_of(RELEASE_COMPLETE) as lab:
        call = answered(lab)
        lab.ctl('hangup', 'cause=16')
        call.expect_bye(3)
        lab.nothing_held(10)
        said = ladder(lab)
        assert said[-3:] == [('in', 'DISCONNECT'), ('out', 'RELEASE'), ('out', 'RELEASE')], said


def disconnect_is_lost():
    # the far end's own T305 brings RELEASE, which clears by itself (5.3.3)
    with lab_of(DISCONNECT) as lab:
        call = answered(lab)
        lab.ctl('hangup', 'cause=16')
        call.expect_bye(5)
        said = ladder(lab) if not lab.nothing_held(10) else None
        assert said[-2:] == [('in', 'RELEASE'), ('out', 'RELEASE COMPLETE')], said


def t313_connect_acknowledge_is_lost():
    # ISDN → SIP, answered, but the network never says so: cleared, and the callee gets BYE (5.2.8)
    with lab_of(CONNECT_ACK) as lab:
        lab.isdn_call(to='02079460100', **{'from': '2079461111'})
        dialog, invite = lab.peer.take_call()
        dialog.respond(200, body=sdp(PEER_IP, free_ports(1, ip=PEER_IP)[0]))
        lab.peer.wait(dialog.call_id, 'ACK')
        bye = dialog.expect_bye(8)
        assert 'cause=102' in bye.get('reason'), bye.raw
        lab.nothing_held(10)
        said = ladder(lab)
        assert ('out', 'CONNECT') in said and ('out', 'DISCONNECT') in said, said


def sip_peer_restarts_mid_call():
    # it is gone without a word and comes back without a memory: 481 to our BYE is an end too (RFC 3261 12.2.1.2)
    with lab_of() as lab:
        call = answered(lab)
        port, server = lab.peer.port, lab.peer.server
        lab.peer.close()
        lab.peers.remove(lab.peer)
        lab.peer = SipPeer(PEER_IP, port, server=server)
        lab.peers.append(lab.peer)
        lab.ctl('hangup', 'cause=16')
        bye = lab.peer.wait(call.call_id, 'BYE', 5)
        lab.peer.respond(bye, 481, 'Call/Transaction Does Not Exist')
        lab.nothing_held()


def sip_peer_is_gone_while_the_call_is_set_up():
    # ISDN → SIP: INVITE and its repetitions meet nobody; the exchange hears it, the route has no other gateway
    with lab_of() as lab:
        port, server = lab.peer.port, lab.peer.server
        lab.peer.close()
        lab.peers.remove(lab.peer)
        result = lab.ctl('call', 'to=02079460100', 'from=2079461111', ok=False)
        lab.peer = SipPeer(PEER_IP, port, server=server)
        lab.peers.append(lab.peer)
        assert result['calls'][0]['cause'] in (27, 38, 41, 102) and not result['answered'], result['calls'][0]
        time.sleep(0.5)


TESTS = [t303_no_answer_to_setup, t310_nothing_after_call_proceeding, t301_nobody_answers, t302_no_digits_come, t305_release_is_lost,
         t308_nothing_comes_any_more, t308_release_complete_is_lost, disconnect_is_lost, t313_connect_acknowledge_is_lost,
         sip_peer_restarts_mid_call, sip_peer_is_gone_while_the_call_is_set_up]
if __name__ == '__main__':
    STATUS = run_tests(TESTS)
    if LAB is not None:
        LAB.__exit__(None, None, None)
    sys.exit(STATUS)
