#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ISDN → SIP: the exchange places calls, a scripted SIP peer answers them in every way."""
import re
import sys
import time

from lab import Lab, PEER_IP, eventually, free_ports, run_tests, sdp


def ring(lab, **options):
    options = {'to': '02079461234', 'from': '2079461111', 'hold': '500ms', **options}
    later = lab.isdn_call(**options)
    dialog, invite = lab.peer.take_call(8)
    return later, dialog, invite


def media(dialog):
    return sdp(PEER_IP, free_ports(1, ip=PEER_IP)[0])


def answered_and_released_by_isdn():
    with Lab() as lab:
        later, dialog, invite = ring(lab)
        assert '+442079461234@' in invite.uri, invite.start
        assert invite.media and '8' in invite.media[2], invite.body
        dialog.respond(180)
        dialog.respond(200, body=media(dialog))
        dialog.peer.wait(dialog.call_id, 'ACK')
        bye = dialog.expect_bye()
        assert 'cause=16' in bye.get('reason'), bye.raw
        assert later.result()['answered'] == 1
        lab.nothing_held()


def released_by_sip():
    with Lab() as lab:
        later, dialog, _ = ring(lab, hold='20s')
        dialog.respond(200, body=media(dialog))
        dialog.peer.wait(dialog.call_id, 'ACK')
        time.sleep(0.3)
        dialog.send('BYE', extra='Reason: Q.850;cause=16')
        dialog.peer.wait(dialog.call_id, lambda m: m.is_response and m.method == 'BYE')
        later.result()
        lab.nothing_held()


def refusals():
    # each final response becomes the cause of the table; Reason, when there, wins
    rows = [(486, '', 17), (404, '', 1), (480, '', 18), (603, '', 21), (500, '', 41), (503, '', 41), (484, '', 28), (488, '', 88), (488, 'Warning: 305 peer "Incompatible media format"', 65),
            (486, 'Reason: Q.850;cause=34', 34), (480, 'Reason: Q.850;cause=19;text="No answer"', 19)]
    with Lab(extra='') as lab:
        for status, extra, cause in rows:
            later, dialog, invite = ring(lab)
            dialog.respond(status, extra=extra)
            dialog.peer.wait(dialog.call_id, 'ACK')
            result = later.result()
            calls = result['calls'][0]
            assert cause is None or calls['cause'] == cause, f'{status} {extra}: {calls}'
        lab.nothing_held()


def isdn_hangs_up_while_ringing():
    # DISCONNECT before the answer → CANCEL → 487
    with Lab() as lab:
        later, dialog, invite = ring(lab, abandon_after='700ms')
        dialog.respond(180)
        cancel = dialog.peer.wait(dialog.call_id, 'CANCEL', 8)
        dialog.peer.respond(cancel, 200, 'OK')
        dialog.respond(487)
        dialog.peer.wait(dialog.call_id, 'ACK')
        later.result()
        lab.nothing_held()


def forked_three_ways():
    # three early dialogs, each reliable and each PRACKed on its own tag; the second answers; the third answers late: ACK, BYE
    with Lab() as lab:
        later, dialog, invite = ring(lab, hold='3s')
        assert '100rel' in invite.get('supported') + invite.get('require'), invite.raw
        tags = ['one', 'two', 'three']
        for n, tag in enumerate(tags):
            dialog.respond(183, tag=tag, extra=f'Require: 100rel\r\nRSeq: {7 + 10 * n}', body=media(dialog),
                           contact=f'<sip:{tag}@{PEER_IP}:{lab.peer.port}>')
        seen = {}
        for _ in tags:
            prack = dialog.peer.wait(dialog.call_id, 'PRACK')
            dialog.peer.respond(prack, 200, 'OK')
            seen[prack.to_tag] = (prack.get('rack'), prack.uri)
        assert set(seen) == set(tags), seen
        for n, tag in enumerate(tags):
            assert seen[tag][0].split()[0] == str(7 + 10 * n), seen
            assert f'{tag}@' in seen[tag][1], f'PRACK of {tag} went to {seen[tag][1]}'
        dialog.respond(200, tag='two', body=media(dialog), contact=f'<sip:two@{PEER_IP}:{lab.peer.port}>')
        ack = dialog.peer.wait(dialog.call_id, 'ACK')
        assert ack.to_tag == 'two', ack.raw
        dialog.respond(200, tag='three', body=media(dialog), contact=f'<sip:three@{PEER_IP}:{lab.peer.port}>')
        ack = dialog.peer.wait(dialog.call_id, lambda m: m.method == 'ACK' and m.to_tag == 'three')
        bye = dialog.peer.wait(dialog.call_id, 'BYE')
        assert bye.to_tag == 'three', bye.raw
        dialog.peer.respond(bye, 200, 'OK')
        bye = dialog.peer.wait(dialog.call_id, 'BYE', 8)
        assert bye.to_tag == 'two', 'the call that stood is ended by the caller'
        dialog.peer.respond(bye, 200, 'OK')
        assert later.result()['answered'] == 1
        lab.nothing_held()


def early_media_towards_isdn():
    # 183 with SDP → PROGRESS with indicator 8; the SIP side's tone is heard before the answer
    with Lab() as lab:
        later, dialog, invite = ring(lab, media='silence', hold='500ms')
        host, rtp, _, _ = invite.media
        port = free_ports(1, ip=PEER_IP)[0]
        dialog.respond(183, body=sdp(PEER_IP, port))
        lab.probe('--remote', f'{host}:{rtp}', '--duration', '1500ms', '--send', 'tone', '--expect', 'nothing', port=port).wait()
        dialog.respond(200, body=sdp(PEER_IP, port))
        dialog.peer.wait(dialog.call_id, 'ACK')
        dialog.expect_bye(8)
        call = later.result()['calls'][0]
        names = [m['message'] for m in call['messages']]
        progress = [p for m in call['messages'] if m['message'] == 'PROGRESS' for p in m.get('progress', [])]
        assert names.index('PROGRESS') < names.index('CONNECT') and any(p['description'] == 8 for p in progress), call['messages']
        heard = call['media']['heard']['early']
        assert abs(heard['level_dbm0'] + 16) < 0.3 and abs(heard['hz'] - 1004) < 3 and heard['loud_ms'] >= 1000, heard
        lab.nothing_held()


def glare():
    # thirty calls each way at the same moment on one span: some are refused for want of a channel, none is stuck
    with Lab() as lab:
        lab.peer.auto = {'OPTIONS': 200}
        later = lab.isdn_call(to='02079461234', **{'from': '2079461111'}, calls=30, limit=30, rate=200, hold='1s')
        outgoing = [lab.call(f'+4420794601{n:02d}').send_invite() for n in range(30)]
        end = time.monotonic() + 12
        incoming = 0
        while time.monotonic() < end and incoming < 30:
            try:
                dialog, _ = lab.peer.take_call(1.5)
            except AssertionError:
                break
            dialog.respond(200, body=media(dialog))
            incoming += 1
        up = 0
        for call in outgoing:
            final = call.wait(lambda m: m.status >= 200, timeout=15)
            call.ack(final)
            up += final.status == 200
        assert up + incoming >= 30 and up >= 1, (up, incoming)
        lab.peer.auto['BYE'] = 200
        for call in outgoing:
            call.send('BYE')
        later.result(60)
        print(f'  {up} up from SIP, {incoming} offered from ISDN')
        eventually(lambda: lab.gwctl('span', 'list')['spans'][0]['idle'] == 30, 30, 'all channels idle')


TESTS = [answered_and_released_by_isdn, released_by_sip, refusals, isdn_hangs_up_while_ringing, forked_three_ways,
         early_media_towards_isdn, glare]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
