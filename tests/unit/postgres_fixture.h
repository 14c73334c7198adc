/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_POSTGRES_FIXTURE_H
#define TESTS_POSTGRES_FIXTURE_H

/* A PostgreSQL server of Debian's package in a temporary folder, on a Unix socket only, for one
 * test program. It refuses to run as root: then it runs as "postgres" or "nobody". It dies with us.
 */

#pragma GCC diagnostic ignored "-Wunused-function" /* not every test needs all of it */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct postgres {
	char bin[128], folder[64], data[96], log[96];
	char url[160]; /* of the database "postgres" */
	uid_t uid;
	gid_t gid;
	pid_t pid;
	unsigned tls_port; /* on the loopback with folder/cert and folder/key too; 0: not */
};

/* The newest version's programs. */
static bool postgres_find(struct postgres *p)
{
	glob_t found;
	bool any = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0 &&
		   found.gl_pathc > 0;

	if (any) {
		snprintf(p->bin, sizeof(p->bin), "%s", found.gl_pathv[found.gl_pathc - 1]);
		*strrchr(p->bin, '/') = 0;
	}
	globfree(&found);
	return any;
}

static void postgres_pick_user(struct postgres *p)
{
	const struct passwd *user = getpwnam("postgres");

	p->uid = geteuid();
	p->gid = getegid();
	if (p->uid != 0)
		return;
	if (!user)
		user = getpwnam("nobody");
	p->uid = user->pw_uid;
	p->gid = user->pw_gid;
}

/* In the child. */
static void postgres_exec(const struct postgres *p, const char *const *argv)
{
	char program[192];
	int log = open(p->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	sigset_t none;

	dup2(log, 1);
	dup2(log, 2);
	if (geteuid() == 0 && (setgid(p->gid) < 0 || setuid(p->uid) < 0))
		_exit(126);
	prctl(PR_SET_PDEATHSIG, SIGQUIT); /* after setuid(), which clears it */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir(p->folder) < 0)
		_exit(126);
	snprintf(program, sizeof(program), "%s/%s", p->bin, argv[0]);
	execv(program, (char *const *)argv);
	_exit(127);
}

static pid_t postgres_fork(const struct postgres *p, const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0)
		postgres_exec(p, argv);
	return pid;
}

static bool postgres_await(const struct postgres *p)
{
	for (int i = 0; i < 400; i++) {
		if (PQping(p->url) == PQPING_OK)
			return true;
		if (waitpid(p->pid, NULL, WNOHANG) == p->pid)
			break;
		usleep(50000);
	}
	fprintf(stderr, "the server has not come up, see %s\n", p->log);
	return false;
}

static bool postgres_start(struct postgres *p)
{
	char port[24], cert[128], key[128];
	const char *argv[32] = { "postgres",
				 "-D",
				 p->data,
				 "-k",
				 p->folder,
				 "-c",
				 "fsync=off",
				 "-c",
				 "shared_buffers=16MB",
				 "-c",
				 "max_connections=40",
				 "-c" };
	const char *const tls[] = {
		"listen_addresses=127.0.0.1", "-c", port, "-c", "ssl=on", "-c", cert, "-c", key
	};

	snprintf(port, sizeof(port), "port=%u", p->tls_port);
	snprintf(cert, sizeof(cert), "ssl_cert_file=%s/cert", p->folder);
	snprintf(key, sizeof(key), "ssl_key_file=%s/key", p->folder);
	if (p->tls_port)
		memcpy(&argv[12], tls, sizeof(tls));
	else
		argv[12] = "listen_addresses=";
	snprintf(p->url, sizeof(p->url), "postgresql://causeway@/postgres?host=%s&port=%u",
		 p->folder, p->tls_port ? p->tls_port : 5432);
	p->pid = postgres_fork(p, argv);
	return p->pid > 0 && postgres_await(p);
}

/* Makes the cluster and starts it. False: told why on stderr. */
static bool postgres_create(struct postgres *p)
{
	const char *const initdb[] = { "initdb",   "-D", p->data, "-A",         "trust",     "-U",
				       "causeway", "-E", "UTF8",  "--locale=C", "--no-sync", NULL };
	int status = -1;
	pid_t pid;

	snprintf(p->folder, sizeof(p->folder), "/tmp/cw-postgres-XXXXXX");
	if (!mkdtemp(p->folder))
		return false;
	snprintf(p->data, sizeof(p->data), "%s/data", p->folder);
	snprintf(p->log, sizeof(p->log), "%s/log", p->folder);
	postgres_pick_user(p);
	if (chown(p->folder, p->uid, p->gid) < 0)
		return false;
	pid = postgres_fork(p, initdb);
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0) {
		fprintf(stderr, "initdb: status %d, see %s\n", status, p->log);
		return false;
	}
	return postgres_start(p);
}

/* As a crash: nothing is written any more, every session is cut. */
static void postgres_crash(struct postgres *p)
{
	if (p->pid <= 0)
		return;
	kill(p->pid, SIGQUIT);
	waitpid(p->pid, NULL, 0);
	p->pid = 0;
}

static void postgres_destroy(struct postgres *p)
{
	char command[128];

	postgres_crash(p);
	snprintf(command, sizeof(command), "rm -rf '%s'", p->folder);
	if (p->folder[0] && system(command) != 0)
		fprintf(stderr, "%s: not removed\n", p->folder);
}

/* One statement beside the store's connection. */
static void postgres_do_at(const char *url, const char *sql)
{
	PGconn *conn = PQconnectdb(url);
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(conn));
	PQclear(result);
	PQfinish(conn);
}

static void postgres_do(const struct postgres *p, const char *sql)
{
	postgres_do_at(p->url, sql);
}

#endif
