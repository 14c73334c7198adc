#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The rate that one core carries, and what is left of it when twice and five times as much is offered: carried calls per
second and their setup times, as ratios to the peak of the same run. SIP → SIP: gatewayd has one core (signalling and media),
sip_storm another. SIP → ISDN over four spans: there the spans are full before the core is."""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../e2e'))
from bench_calls import cpu_of  # noqa: E402
from lab import ROUTES as PSTN_ROUTES  # noqa: E402
from test_overload import StormLab, nobody_lost  # noqa: E402

SECONDS = float(os.environ.get('CAUSEWAY_BENCH_SECONDS', '4'))


def measured(lab, rate, check=True):
    pid = lab.gatewayd.process.pid
    cpu = cpu_of(pid)
    figures = lab.storm(rate, SECONDS)
    if check:
        nobody_lost(figures)
    figures['rate'] = figures['answered'] / figures['seconds']
    figures['cpu'] = cpu_of(pid) - cpu
    return figures


def ramp(lab, rate, step, **kw):
    """The step with the highest carried rate: offered a little more than it can carry, a gateway is at its peak."""
    best, steps = None, []
    while True:
        figures = measured(lab, rate, **kw)
        steps.append(figures)
        if best is None or figures['rate'] > best['rate']:
            best = figures
        if figures['answered'] < 0.9 * figures['offered']:
            return best, steps
        rate *= step
        time.sleep(0.5)


def tell(name, figures, peak=None):
    ratio = '' if peak is None else (f'   {100 * figures["rate"] / peak["rate"]:4.0f} % of the peak, setup p99 '
                                     f'{figures["setup_p99_ms"] / max(0.1, peak["setup_p99_ms"]):4.2f} ×')
    print(f'{name}: {figures["offered"] / figures["seconds"]:7.0f} offered, {figures["rate"]:6.0f} carried/s, setup p50 '
          f'{figures["setup_p50_ms"]:6.1f} p99 {figures["setup_p99_ms"]:6.1f} ms, refused in {figures["refusal_p50_ms"]:4.1f} ms'
          f'{ratio}', flush=True)


def run(lab, name, first, step, **kw):
    peak, steps = ramp(lab, first, step, **kw)
    for figures in steps:
        tell(f'{name}, ramp', figures)
    carried = [f for f in steps if f['answered'] > 0.99 * f['offered']]
    last = carried[-1] if carried else peak
    print(f'{name}: peak {peak["rate"]:.0f} calls/s; {1000 * last["cpu"] / last["answered"]:.2f} ms of processor per call at '
          f'{last["rate"]:.0f} calls/s')
    for times in (2, 5):
        tell(f'{name}, {times} × the peak', measured(lab, times * peak['rate'], **kw), peak)
    lab.nothing_held(30)


def main():
    with StormLab() as lab:
        run(lab, 'SIP → SIP', 200, 1.5)
    pstn = PSTN_ROUTES.replace('gateways: [pstn]', 'gateways: [pstn], selection: round-robin').replace('[core]', '[callee]')
    with StormLab(spans=4, routes=pstn) as lab:
        run(lab, 'SIP → ISDN, 4 spans', 50, 1.5, check=False)
    return 0


if __name__ == '__main__':
    sys.exit(main())
