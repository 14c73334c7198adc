#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The gateway takes all the descriptors that it may have: four of them go into every call between two trunks."""
import resource

from lab import Lab, run_tests


def soft_limit_is_raised():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1000, hard), hard))
    try:
        with Lab() as lab:
            assert resource.prlimit(lab.gatewayd.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


if __name__ == '__main__':
    raise SystemExit(run_tests([soft_limit_is_raised]))
