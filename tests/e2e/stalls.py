# SPDX-License-Identifier: GPL-2.0-only
"""Was it the gateway, or the machine that the test runs on?"""
import contextlib
import os
import threading
import time

STALL = .06     # seconds that a thread may wait for a processor before audio can't be judged


class Stalls:
    """How long the threads of these processes stood ready and were not let run (Linux's schedstat), looked at ten times a second:
    a gap in the audio says nothing about the gateway when this machine made it."""

    def __init__(self, *processes):
        self.pids, self.waited, self.worst, self.closed = [p.pid for p in processes], {}, 0.0, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def look(self):
        for pid in self.pids:
            threads = []
            with contextlib.suppress(OSError):
                threads = os.listdir(f'/proc/{pid}/task')
            for thread in threads:
                with contextlib.suppress(OSError, IndexError):
                    with open(f'/proc/{pid}/task/{thread}/schedstat', encoding='ascii') as file:
                        waited = int(file.read().split()[1]) / 1e9
                    self.worst = max(self.worst, waited - self.waited.get(thread, waited))
                    self.waited[thread] = waited

    def run(self):
        while not self.closed:
            self.look()
            time.sleep(.1)

    def close(self):
        self.closed = True
        self.thread.join()

    def judge(self, probe):
        """Its verdict, when there is one to be had."""
        probe.expect = (0, 1)
        probe.wait(120)
        verdict = probe.json
        if verdict['verdict'] != 'pass':
            assert self.worst > STALL, verdict
            print(f'  audio not judged: this machine let a thread wait {self.worst * 1000:.0f} ms ({verdict["reason"]})')
        return verdict
