# SPDX-License-Identifier: GPL-2.0-only
"""A PostgreSQL server of Debian's package in a temporary folder, on a Unix socket only.

    with TemporaryPostgres() as server:
        store = server.url("postgres")       # postgresql://causeway@/postgres?host=…
        server.kill(); server.start()        # as a crash; the rows stay
        server.freeze(); server.thaw()       # hangs, with every session

The server refuses to run as root: then it runs as "postgres" or "nobody". It dies with this process.
`TemporaryPostgres.available()` tells whether the package is there."""
import ctypes
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1


class TemporaryPostgres:
    def __init__(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            raise RuntimeError("no PostgreSQL server (package postgresql)")
        self.bin = os.path.dirname(found[-1])
        self.process = None
        self.frozen = []
        self.folder = tempfile.mkdtemp(prefix="cw-postgres-")
        self.user = self._user()
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self._run("initdb", "-D", self._data(), "-A", "trust", "-U", "causeway", "-E", "UTF8",
                  "--locale=C", "--no-sync")
        self.start()

    @staticmethod
    def available():
        return bool(glob.glob("/usr/lib/postgresql/*/bin/initdb"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def url(self, database="postgres"):
        return f"postgresql://causeway@/{database}?host={self.folder}"

    def start(self):
        log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(
            [os.path.join(self.bin, "postgres"), "-D", self._data(), "-k", self.folder,
             "-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"],
            stdout=log, stderr=log, preexec_fn=self._become)
        log.close()
        for _ in range(400):
            ready = subprocess.run([os.path.join(self.bin, "pg_isready"), "-q", "-h", self.folder])
            if ready.returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL has not come up:\n" + self.log())

    def stop(self):
        """In order: sessions are ended, everything is written."""
        self._end(signal.SIGINT)

    def kill(self):
        """As a crash: nothing is written any more, every session is cut."""
        self._end(signal.SIGQUIT)

    def freeze(self):
        """The server and all its sessions hang: connections are taken and never answered."""
        self.frozen = [self.process.pid] + self._children()
        for pid in self.frozen:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self.frozen:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        self.frozen = []

    def sql(self, statement, database="postgres"):
        """Rows as lists of texts."""
        done = subprocess.run([os.path.join(self.bin, "psql"), "-X", "-A", "-t", "-F", "\t",
                               "-v", "ON_ERROR_STOP=1", "-c", statement, self.url(database)],
                              capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return [line.split("\t") for line in done.stdout.splitlines()]

    def log(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as file:
            return file.read()

    def close(self):
        if self.process:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _data(self):
        return os.path.join(self.folder, "data")

    @staticmethod
    def _user():
        if os.geteuid() != 0:
            return None
        try:
            return pwd.getpwnam("postgres")
        except KeyError:
            return pwd.getpwnam("nobody")

    def _become(self):
        """In the child: another user when we are root, and a death that follows ours."""
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)
        os.chdir(self.folder)

    def _run(self, program, *arguments):
        done = subprocess.run([os.path.join(self.bin, program), *arguments], capture_output=True,
                              text=True, preexec_fn=self._become)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.strip()}")

    def _children(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path) as file:
            return [int(pid) for pid in file.read().split()]

    def _end(self, how):
        if not self.process:
            return
        self.thaw()
        self.process.send_signal(how)
        self.process.wait(30)
        self.process = None
