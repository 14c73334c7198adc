#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Who calls, across the gateway: number, presentation, screening, redirecting and connected number, both ways. A number that its
owner restricted must not be seen by anyone untrusted, in any header."""
import re
import sys

from lab import Lab, PEER_IP, eventually, free_ports, run_tests, sdp

DIGITS = '2079461111'


def setup_seen(lab, count=1):
    """The SETUPs that arrived at the exchange, as its journal has them."""
    def look():
        found = [e for e in lab.exchange_events() if e.get('message') == 'SETUP' and e.get('direction') == 'received'
                 and e.get('event') == 'message']
        return found if len(found) >= count else None
    return eventually(look, 5, 'SETUP at the exchange')[-1]


def inbound(lab, **options):
    later = lab.isdn_call(to='2079461234', to_type='national', hold='300ms', **options)
    dialog, invite = lab.peer.take_call(8)
    return later, dialog, invite


def finish(later, dialog):
    dialog.respond(200, body=sdp(PEER_IP, free_ports(1, ip=PEER_IP)[0]))
    dialog.peer.wait(dialog.call_id, 'ACK')
    dialog.expect_bye(8)
    return later.result()


def isdn_to_sip_allowed():
    with Lab() as lab:
        later, dialog, invite = inbound(lab, **{'from': DIGITS}, from_type='national', screening='network')
        assert f'sip:+44{DIGITS}@' in invite.get('from'), invite.get('from')
        assert f'+44{DIGITS}@' in invite.get('p-asserted-identity'), invite.raw
        assert 'id' not in invite.get('privacy'), invite.raw
        assert '+442079461234@' in invite.uri and '+442079461234@' in invite.get('to'), invite.start
        finish(later, dialog)
        lab.nothing_held()


def isdn_to_sip_restricted_trusted():
    # trusted trunk: the number is in P-Asserted-Identity only, with Privacy: id; From is anonymous (RFC 3323, RFC 3325)
    with Lab() as lab:
        later, dialog, invite = inbound(lab, **{'from': DIGITS}, from_type='national', presentation='restricted', screening='network')
        assert 'anonymous' in invite.get('from').lower() and DIGITS not in invite.get('from'), invite.get('from')
        assert DIGITS in invite.get('p-asserted-identity'), invite.raw
        assert 'id' in invite.get('privacy'), invite.raw
        assert DIGITS not in invite.get('contact'), invite.get('contact')
        finish(later, dialog)
        lab.nothing_held()


def isdn_to_sip_restricted_untrusted():
    # untrusted trunk: the digits appear nowhere in the whole message
    with Lab(start=False) as lab:
        lab.trunks['core'] = lab.trunk_text(lab.peer, 'trusted: false')
        lab.start_exchange()
        lab.start_gateway()
        later, dialog, invite = inbound(lab, **{'from': DIGITS}, from_type='national', presentation='restricted', screening='network',
                                        redirecting='2079462222', redirecting_type='national', redirecting_presentation='restricted')
        text = invite.raw.decode()
        assert DIGITS not in text and '2079462222' not in text, text
        finish(later, dialog)
        lab.nothing_held()


def isdn_to_sip_no_number():
    with Lab() as lab:
        later, dialog, invite = inbound(lab)
        assert 'tag=' in invite.get('from') and 'p-asserted-identity' not in dict(invite.headers), invite.raw
        finish(later, dialog)
        lab.nothing_held()


def isdn_to_sip_user_number_is_not_asserted():
    # screening «user-provided, not screened»: shown in From, never asserted as the network's word
    with Lab() as lab:
        later, dialog, invite = inbound(lab, **{'from': DIGITS}, from_type='national', screening='not-screened')
        assert DIGITS in invite.get('from') and not invite.get('p-asserted-identity'), invite.raw
        finish(later, dialog)
        lab.nothing_held()


def isdn_to_sip_redirecting():
    with Lab() as lab:
        later, dialog, invite = inbound(lab, **{'from': DIGITS}, from_type='national', redirecting='2079462222',
                                        redirecting_type='national', redirecting_reason='15')
        assert '2079462222' in invite.get('diversion') + invite.get('history-info'), invite.raw
        finish(later, dialog)
        lab.nothing_held()


def sip_to_isdn():
    # From and P-Asserted-Identity → calling number with type, presentation, screening
    with Lab() as lab:
        cases = [
            ('plain', f'<sip:+44{DIGITS}@{PEER_IP}>', '', (DIGITS, 'national', 'allowed', None)),
            ('asserted', '<sip:+441632960000@x>', f'P-Asserted-Identity: <sip:+44{DIGITS}@{PEER_IP}>',
             (DIGITS, 'national', 'allowed', 'network')),
            ('restricted', '"Anonymous" <sip:anonymous@anonymous.invalid>',
             f'P-Asserted-Identity: <sip:+44{DIGITS}@{PEER_IP}>\r\nPrivacy: id', (DIGITS, 'national', 'restricted', 'network')),
            ('international', f'<sip:+4930123456@{PEER_IP}>', '', ('4930123456', 'international', 'allowed', None)),
            ('anonymous', '"Anonymous" <sip:anonymous@anonymous.invalid>', 'Privacy: id', ('', None, None, None)),
        ]
        for n, (name, caller, extra, (digits, kind, presentation, screening)) in enumerate(cases, 1):
            call = lab.call(caller=caller, extra=extra).send_invite()
            ok = call.wait(200)
            call.ack(ok)
            setup = setup_seen(lab, n)
            calling = setup.get('calling', {})
            assert calling.get('digits', '') == digits, f'{name}: {setup}'
            if kind:
                assert calling['type'] == kind and calling['plan'] == 'isdn', f'{name}: {calling}'
            if presentation:
                assert calling['presentation'] == presentation, f'{name}: {calling}'
            if screening:
                assert calling['screening'] == screening, f'{name}: {calling}'
            assert setup['called']['digits'] == '2079460000' and setup['called']['type'] == 'national', setup
            call.bye()
        lab.nothing_held()


def connected_number_reaches_sip():
    # CONNECT with a connected number (COLP) → P-Asserted-Identity in the 200
    plan = """
scenarios:
  colp: [ proceeding, alerting, { connect: { connected: "2079463333", connected-type: national, connected-screening: network } }, echo ]
numbers:
  - { called: "*", scenario: colp }
"""
    with Lab(plan=plan) as lab:
        call = lab.call().send_invite()
        ok = call.wait(200)
        call.ack(ok)
        assert '2079463333' in ok.get('p-asserted-identity'), ok.raw
        call.bye()
        lab.nothing_held()


def connected_identity_reaches_isdn():
    # P-Asserted-Identity of the 200 → connected number in CONNECT
    with Lab() as lab:
        later, dialog, invite = inbound(lab, **{'from': DIGITS}, from_type='national', detail='on')
        dialog.respond(200, body=sdp(PEER_IP, free_ports(1, ip=PEER_IP)[0]),
                       extra=f'P-Asserted-Identity: <sip:+442079464444@{PEER_IP}>')
        dialog.peer.wait(dialog.call_id, 'ACK')
        dialog.expect_bye(8)
        assert '2079464444' in str(later.result()), 'no connected number'
        lab.nothing_held()


TESTS = [isdn_to_sip_allowed, isdn_to_sip_restricted_trusted, isdn_to_sip_restricted_untrusted, isdn_to_sip_no_number,
         isdn_to_sip_user_number_is_not_asserted, isdn_to_sip_redirecting, sip_to_isdn, connected_number_reaches_sip,
         connected_identity_reaches_isdn]
if __name__ == '__main__':
    sys.exit(run_tests(TESTS))
