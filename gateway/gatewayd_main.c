/* SPDX-License-Identifier: GPL-2.0-only */
/* gatewayd: reads the configuration whole, builds the gateway, serves until SIGTERM or SIGINT. Exit
 * status: 0 after an orderly end, 1 when something could not be started, 2 for a fault in the
 * configuration or on the command line. */
#include "base/log.h"
#include "base/mem.h"
#include "gateway/admin.h"
#include "gateway/api.h"
#include "gateway/control.h"
#include "gateway/gateway.h"
#include "gateway/notify.h"
#include "gateway/places.h"
#include "gateway/records.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define STATUS_FAILED 1
#define STATUS_USAGE 2
#define DEFAULT_CONFIG "/etc/causeway/gateway.yaml"
#define ERROR_TEXT 1024
#define RECORDS_WAIT_MS                                                                            \
	3000 /* at the end, for what is in the spool; the rest comes at the next start */
#define RECORDS_LOOK_MS 10
#define STATUS_US 5000000       /* between looks at how many calls there are */
#define STATUS_MORE_US 15000000 /* asked of the service manager at each of them while ending */

struct options {
	const char *config;
	bool check;
	int log_level; /* -1: the configuration's */
};

struct program {
	struct site *site;
	const struct machine_conf *machine; /* the site's */
	struct admin_start tables;
	struct loop *loop;
	struct gateway *gateway;
	struct worker *control;
	struct records *records; /* these three live on the control thread */
	struct admin *admin;
	struct api *api;
	bool faulty; /* configuration and stored tables don't fit */
	struct watchdog *watchdog;
	struct loop_timer status;
	unsigned status_calls; /* told last */
	struct loop_watch signals;
	int signal_fd;
};

static const char usage[] =
	"Usage: gatewayd [--config FILE] [--check] [--log-level LEVEL]\n"
	"\n"
	"  -c, --config FILE      configuration (default " DEFAULT_CONFIG ")\n"
	"  -k, --check            read it, print every fault with its line and column, and end\n"
	"  -l, --log-level LEVEL  error, warning, notice, info or debug: before what the "
	"configuration says\n"
	"  -f, --foreground       stay in the foreground (it always does; for old unit files)\n"
	"  -V, --version\n"
	"  -h, --help\n"
	"\n"
	"SIGTERM and SIGINT: no new calls; it ends when those in progress have finished, or after "
	"stop-wait;\nthe second of them ends it at once. SIGHUP reads the configuration again. "
	"Exit status: 0, 1 could not start, 2 faults in the configuration.\n";

/* ---- The command line ---- */

static int take_level(struct options *options, const char *text)
{
	options->log_level = log_level_by_name(text);
	if (options->log_level >= 0)
		return 0;
	fprintf(stderr,
		"gatewayd: --log-level %s: error, warning, notice, info or debug is accepted\n",
		text);
	return -EINVAL;
}

/* 0: go on; 1: done, all is well; -EINVAL. */
static int parse_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "log-level", required_argument, NULL, 'l' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	argv[0] = (char *)"gatewayd"; /* what getopt calls us, whatever the path */
	while ((c = getopt_long(argc, argv, "c:kl:fVh", known, NULL)) >= 0) {
		if (c == 'c')
			options->config = optarg;
		else if (c == 'k')
			options->check = true;
		else if (c == 'l' && take_level(options, optarg) < 0)
			return -EINVAL;
		else if (c == 'V')
			return puts("gatewayd " CAUSEWAY_VERSION) < 0 ? -EIO : 1;
		else if (c == 'h')
			return fputs(usage, stdout) < 0 ? -EIO : 1;
		else if (c == '?')
			return fputs("gatewayd: `gatewayd --help` shows all options\n", stderr) < 0
				       ? -EIO
				       : -EINVAL;
	}
	if (optind == argc)
		return 0;
	fprintf(stderr,
		"gatewayd: %s: not understood; the configuration is named by --config FILE\n",
		argv[optind]);
	return -EINVAL;
}

/* ---- Configuration ---- */

static int tell(char *faults)
{
	fprintf(stderr, "%s\n", faults ? faults : "gatewayd: out of memory");
	mem_free(faults);
	return -EINVAL;
}

/* What a new store would be filled with is checked on demand only: where there is a store its
 * tables count, and admin_load() checks those. */
static int load(struct program *p, const char *path, bool check)
{
	struct dialplan *seed = NULL;
	char *faults = NULL;

	if (site_read(&p->site, path, &faults) < 0)
		return tell(faults);
	p->machine = site_machine(p->site);
	if (check && site_compile(p->site, site_seed(p->site), &seed, &faults) < 0)
		return tell(faults);
	dialplan_unref(&seed);
	return 0;
}

static void unload(struct program *p)
{
	site_unref(&p->site);
}

/* ---- Serving ---- */

static void signalled(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct program *p = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		if (p->admin && !p->gateway->refusing) {
			notify_reloading();
			admin_hangup_signal(p->admin);
		}
		return;
	}
	log_write(LOG_LEVEL_NOTICE, "gateway", NULL, "ending after %s",
		  strsignal((int)info.ssi_signo));
	if (p->gateway->refusing) {
		gateway_stop(p->gateway);
		return;
	}
	notify_stopping("no new calls; those in progress finish");
	notify_extend(STATUS_MORE_US);
	gateway_finish(p->gateway, p->gateway->conf->stop_wait_s * UINT64_C(1000000));
}

/* What `systemctl status` shows. */
static void tell_status(struct loop_timer *timer, void *arg)
{
	struct program *p = arg;
	unsigned calls = p->gateway->call_count;

	if (p->gateway->refusing)
		notify_extend(STATUS_MORE_US);
	if (calls != p->status_calls)
		notify_status("%s: %u calls", p->gateway->refusing ? "ending" : "serving", calls);
	p->status_calls = calls;
	loop_timer_start(p->loop, timer, STATUS_US, tell_status, p);
}

/* Not the control thread: it compiles tables, large ones for longer than a watchdog waits, and no
 * call needs it. */
static int start_watchdog(struct program *p)
{
	int rc = watchdog_create(&p->watchdog, p->loop);

	for (unsigned i = 0; rc == 0 && i < p->gateway->worker_count; i++)
		rc = watchdog_watch(p->watchdog, p->gateway->workers[i]);
	return rc;
}

/* Blocked before any thread is made, so that every thread inherits it and only the loop hears of
 * them. */
static int watch_signals(struct program *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	p->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (p->signal_fd < 0)
		return -errno;
	return loop_watch_add(p->loop, &p->signals, p->signal_fd, EPOLLIN, signalled, p);
}

/* A call between trunks has four sockets: the usual soft limit of 1024 ends at 250 calls. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_write(LOG_LEVEL_NOTICE, "gateway", NULL, "descriptor limit not raised: %s",
			  strerror(errno));
}

/* ---- Tables, records, the API: on the control thread ---- */

static int start_tables(struct program *p, char *error, size_t room)
{
	char *faults = NULL;
	int rc = admin_load(&p->tables, p->site, &faults);

	if (rc < 0 && faults) {
		tell(faults);
		error[0] = '\0';
		p->faulty = true;
	} else if (rc < 0) {
		snprintf(error, room, "%s", strerror(-rc));
	}
	return rc;
}

/* Something to be made on the control thread, and what came of it. */
struct errand {
	struct program *program;
	int rc;
	char *error;
	size_t room;
};

static void open_records(void *object, void *arg)
{
	struct errand *errand = object;
	struct program *p = errand->program;
	const struct conf_records *conf = &p->machine->records;
	struct places places;
	struct records_cfg cfg = { .spool_size = (uint64_t)conf->spool_mib << 20,
				   .calls = RECORDS_CALLS,
				   .keep_us = conf->keep_days * UINT64_C(86400000000),
				   .keep_calls = conf->keep_calls };

	(void)arg;
	places_of(&places, p->machine);
	cfg.url = places.records;
	cfg.spool = places.spool;
	if (p->machine->overload.max_calls > cfg.calls)
		cfg.calls = p->machine->overload.max_calls;
	errand->rc = places_make(&places, errand->error, errand->room);
	if (errand->rc == 0)
		errand->rc = records_open(&p->records, &cfg, worker_loop(p->control), errand->error,
					  errand->room);
}

static void open_admin(void *object, void *arg)
{
	struct errand *errand = object;
	struct program *p = errand->program;
	struct admin_cfg cfg = { .gateway = p->gateway,
				 .control = p->control,
				 .site = p->site,
				 .start = &p->tables,
				 .records = p->records };

	(void)arg;
	errand->rc = admin_create(&p->admin, &cfg, errand->error, errand->room);
}

static int start_control(struct program *p, char *error, size_t room)
{
	/* It formats long lists, its stores' threads read them: calls come first. */
	struct worker_cfg control = {
		.name = "control", .cpu = -1, .nice = 5, .clock = &clock_system
	};
	struct errand errand = { .program = p, .error = error, .room = room };
	struct api_cfg api = { .gateway = p->gateway, .conf = &p->machine->api };

	errand.rc = worker_create(&p->control, &control, p->loop);
	if (errand.rc == 0 && p->machine->records.enabled)
		control_call(p->control, open_records, &errand, NULL);
	p->gateway->records = p->records;
	if (errand.rc == 0)
		control_call(p->control, open_admin, &errand, NULL);
	if (errand.rc < 0)
		return errand.rc;
	api.control = p->control;
	api.admin = p->admin;
	api.records = p->records;
	return api_create(&p->api, &api, error, room);
}

static void close_control(void *object, void *arg)
{
	struct program *p = object;

	(void)arg;
	admin_destroy(&p->admin);
	records_close(&p->records, 0);
}

static void ask_spool(void *object, void *arg)
{
	struct records_state state;

	records_state(object, &state);
	*(bool *)arg = state.store.up && state.spool.queued > 0;
}

/* What is in the spool goes into the store, while the control thread turns. With the store away it
 * stays there for the next start. */
static void drain_records(struct program *p)
{
	bool more = p->records != NULL;

	for (unsigned ms = 0; more && ms < RECORDS_WAIT_MS; ms += RECORDS_LOOK_MS) {
		control_call(p->control, ask_spool, p->records, &more);
		if (more)
			poll(NULL, 0, RECORDS_LOOK_MS);
	}
}

static int start(struct program *p)
{
	char error[ERROR_TEXT] = "out of memory";
	int rc = loop_create(&p->loop, &clock_system);

	raise_descriptor_limit();
	if (rc == 0)
		rc = watch_signals(p);
	if (rc < 0) {
		fprintf(stderr, "gatewayd: %s\n", strerror(-rc));
		return rc;
	}
	rc = api_socket_free(p->machine->api.socket, error, sizeof(error));
	if (rc == 0)
		rc = start_tables(p, error, sizeof(error));
	if (rc == 0)
		rc = gateway_create(&p->gateway, p->loop, p->site, p->tables.plan, error,
				    sizeof(error));
	if (rc == 0)
		rc = start_control(p, error, sizeof(error));
	if (rc == 0)
		rc = start_watchdog(p);
	if (rc < 0 && error[0])
		fprintf(stderr, "gatewayd: %s\n", error);
	return rc;
}

static void end(struct program *p)
{
	watchdog_forget(p->watchdog);
	if (p->loop)
		loop_timer_stop(p->loop, &p->status);
	api_destroy(&p->api);
	gateway_destroy(&p->gateway);
	drain_records(p);
	if (p->control)
		control_call(p->control, close_control, p, NULL);
	worker_destroy(&p->control);
	watchdog_destroy(&p->watchdog);
	admin_start_free(&p->tables);
	loop_watch_remove(&p->signals);
	if (p->signal_fd >= 0)
		close(p->signal_fd);
	loop_destroy(&p->loop);
}

static int serve(struct program *p)
{
	int rc = start(p);

	if (rc == 0 && p->machine->trunk_count + p->machine->span_count == 0)
		log_write(LOG_LEVEL_WARNING, "gateway", NULL,
			  "the configuration has neither trunks nor spans: no call can come");
	if (rc == 0) {
		log_write(LOG_LEVEL_NOTICE, "gateway", NULL,
			  "serving: %zu trunks, %zu spans, %u media workers",
			  p->machine->trunk_count, p->machine->span_count,
			  p->gateway->worker_count);
		notify_ready("serving");
		tell_status(&p->status, p);
		rc = gateway_run(p->gateway);
	}
	end(p);
	return rc >= 0 ? 0 : p->faulty ? STATUS_USAGE : STATUS_FAILED;
}

static void set_log(const struct options *options, const struct machine_conf *machine)
{
	log_set_level(options->log_level >= 0 ? (enum log_level)options->log_level
					      : (enum log_level)machine->log.level);
	log_set_output(STDERR_FILENO, getenv("JOURNAL_STREAM") != NULL);
}

int main(int argc, char **argv)
{
	struct options options = { .config = DEFAULT_CONFIG, .log_level = -1 };
	struct program program = { .signal_fd = -1, .signals = { .fd = -1 } };
	int rc = parse_options(&options, argc, argv);
	int status = 0;

	if (rc)
		return rc < 0 ? STATUS_USAGE : 0;
	if (load(&program, options.config, options.check) < 0) {
		unload(&program);
		return STATUS_USAGE;
	}
	set_log(&options, program.machine);
	if (!options.check)
		status = serve(&program);
	else if (printf("%s: no faults\n", options.config) < 0)
		status = STATUS_FAILED;
	unload(&program);
	if (mem_live_blocks() != 0)
		log_write(LOG_LEVEL_WARNING, "gateway", NULL, "%ld blocks were not given back",
			  mem_live_blocks());
	return status;
}
