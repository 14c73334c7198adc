# SPDX-License-Identifier: GPL-2.0-only
"""Many short cases on one lab: each takes the lab, and must leave nothing behind on it. After a case that failed the next gets a
fresh lab, so one fault does not colour the others. Helpers that several of these files use stand here too."""
import itertools
import re
import sys
import time

from lab import PEER_IP, Lab, eventually, free_ports, run_tests, sdp


SEEDS = itertools.count(1)


def run_cases(tests, known_failures=(), make=Lab, argv=None):
    """Runs `tests` (or those named on the command line, which may be known failures) as run_tests does."""
    argv = argv or sys.argv
    if len(argv) > 1:
        tests = [t for t in list(tests) + list(known_failures) if t.__name__ in argv[1:]]
    held = []

    def ended():
        while held:
            held.pop().__exit__(None, None, None)      # exit statuses: a sanitizer's complaint is a failure

    def wrap(case):
        def run():
            if not held:
                held.append(make().__enter__())
            lab = held[0]
            try:
                case(lab)
                lab.nothing_held()
                lab.peer.auto = {'OPTIONS': 200}
            except BaseException:
                held.pop().__exit__(*sys.exc_info())
                raise
        run.__name__ = case.__name__
        return run

    ended.__name__ = 'programs_end_well'
    return run_tests([wrap(t) for t in tests] + [ended], argv[:1])


# ---- pieces of ladders

def media_port(ip=PEER_IP):
    return free_ports(1, ip=ip)[0]


def up(lab, number='+442079460000', **kw):
    """INVITE → 200 → ACK."""
    call = lab.call(number, **kw).send_invite()
    ok = call.wait(lambda m: m.status >= 200)
    call.ack(ok)
    assert ok.status == 200, f'{ok.start}\n{ok.raw}'
    return call, ok


def ring(lab, **options):
    """A call from the ISDN: (its later result, Dialog, INVITE)."""
    later = lab.isdn_call(**{'to': '02079461234', 'from': '2079461111', 'hold': '20s', **options})
    dialog, invite = lab.peer.take_call(8)
    return later, dialog, invite


def final(call, method=None, cseq=None, timeout=5):
    """The final response to the last request (or to that of `cseq`)."""
    cseq = cseq or call.cseq
    return call.peer.wait(call.call_id, lambda m: m.status >= 200 and m.cseq == cseq and method in (None, m.method), timeout)


def ask(call, method, **kw):
    call.send(method, **kw)
    return final(call, method)


def ack_failure(call, response, branch):
    """The ACK of 17.1.1.3 for a final response above 299 to a request inside the dialog."""
    call.peer.request('ACK', call.target, call.call_id, response.cseq, call.local, response.get('to'), branch=branch,
                      route=call.route)


def reinvite(call, body='', answer='', **kw):
    branch = call.send('INVITE', body=body, **kw)
    response = final(call, 'INVITE')
    if response.status >= 300:
        ack_failure(call, response, branch)
    else:
        call.ack(response, body=answer)
    return response


def end(call):
    assert call.bye().status == 200


def again(peer):
    """The last datagram once more, octet by octet."""
    peer.send([raw for _, way, raw in peer.log if way == '>'][-1])


def drop(call, ok=(487,)):
    """CANCEL, and the end of the INVITE."""
    call.cancel()
    assert final(call, 'CANCEL', call.cseq).status == 200
    answer = final(call, 'INVITE')
    call.ack(answer)
    assert answer.status in ok, answer.start


def isdn_messages(lab, name, direction='received'):
    return [e for e in lab.exchange_events() if e.get('event') == 'message' and e.get('message') == name
            and e.get('direction') == direction]


def hears_echo(lab, media, port, codec='pcma', ip=PEER_IP, seconds=1):
    """Octets sent to `media` come back to `port` unchanged. Each has its own noise: the end of an earlier one may still be on its way."""
    words = ['--remote', f'{media[0]}:{media[1]}', '--duration', f'{seconds}s', '--send', 'noise', '--seed', str(next(SEEDS)),
             '--expect', 'echo', '--codec', codec, '--via', 'pcma', '--local', f'{ip}:{port}']
    probe = lab.probe(*words, port=port)
    assert probe.wait() == 0, probe.output


def origin(message):
    """(session id, version) of the o= line, RFC 4566 5.2."""
    found = re.search(r'^o=\S+ (\d+) (\d+) ', message.body, re.M)
    return int(found[1]), int(found[2])


def m_lines(body):
    return re.findall(r'^m=(.*?)\r?$', body, re.M)


__all__ = ['PEER_IP', 'Lab', 'ack_failure', 'again', 'ask', 'drop', 'end', 'eventually', 'final', 'free_ports', 'hears_echo',
           'isdn_messages', 'm_lines', 'media_port', 'origin', 're', 'reinvite', 'ring', 'run_cases', 'sdp', 'sys', 'time', 'up']
