/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/log.h"
#include "base/mem.h"
#include "tdm/exchange/control.h"
#include "tdm/exchange/load.h"
#include "tdm/exchange/options.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define STATUS_FAILED 1
#define STATUS_USAGE 2
#define REPORT_FORMAT (JSON_COMPACT | JSON_REAL_PRECISION(10))

struct program {
	struct ex_options options;
	struct ex_settings settings;
	struct loop *loop;
	struct ex_exchange *exchange;
	struct ex_control *control;
	struct ex_load *load;
	struct loop_watch signals;
	FILE *text; /* for people: stdout, or stderr when the JSON goes there */
	int status;
};

static void all_closed(void *arg)
{
	struct program *p = arg;

	loop_stop(p->loop, p->status);
}

static void end(struct program *p)
{
	if (!p->exchange)
		return;
	if (p->load)
		ex_load_stop(p->load);
	if (p->control)
		ex_control_stop(p->control);
	ex_exchange_close(&p->exchange, all_closed, p);
}

static void signalled(struct loop_watch *watch, uint32_t events, void *arg)
{
	struct program *p = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		log_write(LOG_LEVEL_NOTICE, "exchange", NULL, "ending after %s",
			  strsignal((int)info.ssi_signo));
	end(p);
}

static void quit(void *arg)
{
	end(arg);
}

static const struct ex_control_ops control_ops = { .quit = quit };

/* ---- The load of `call` ---- */

static void a_second(struct ex_load *load, void *arg)
{
	struct program *p = arg;

	if (p->options.quiet)
		return;
	ex_report_line(ex_load_report(load), ex_load_seconds(load), p->text);
	fflush(p->text);
}

static int write_json(const struct program *p, json_t *object)
{
	FILE *to = p->options.json_path ? fopen(p->options.json_path, "w") : stdout;
	int rc = to && object ? 0 : -1;

	if (rc == 0)
		rc = json_dumpf(object, to, REPORT_FORMAT) < 0 || fputc('\n', to) < 0 ? -1 : 0;
	if (to && to != stdout && fclose(to) != 0)
		rc = -1;
	if (rc < 0)
		fprintf(stderr, "e1exchange: %s: the report cannot be written\n",
			p->options.json_path ? p->options.json_path : "standard output");
	json_decref(object);
	return rc;
}

static void load_done(struct ex_load *load, void *arg)
{
	struct program *p = arg;
	struct ex_report *report = ex_load_report(load);

	ex_report_table(report, ex_load_seconds(load), p->text);
	fflush(p->text);
	if (!report->attempted || report->as_expected != p->options.spec.calls)
		p->status = STATUS_FAILED;
	if (p->options.json && write_json(p, ex_report_json(report, ex_load_seconds(load))) < 0)
		p->status = STATUS_FAILED;
	ex_load_destroy(&p->load);
	end(p);
}

static const struct ex_load_ops load_ops = { .second = a_second, .done = load_done };

static int start_load(struct program *p)
{
	char names[256];
	int rc;

	if (p->options.verb != EX_VERB_CALL)
		return 0;
	rc = ex_load_start(&p->load, p->exchange, &p->options.spec, p->options.wait_ms, &load_ops,
			   p);
	if (rc == -ENOENT) {
		ex_exchange_span_names(p->exchange, names, sizeof(names));
		fprintf(stderr, "e1exchange: --span %s: no such span; there is %s\n",
			p->options.spec.spans, names);
	}
	return rc;
}

/* ---- Start ---- */

static int watch_signals(struct program *p)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set,
		    NULL); /* before the worker's thread is made: it inherits this */
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	return loop_watch_add(p->loop, &p->signals, fd, EPOLLIN, signalled, p);
}

static int override(char **setting, const char *value)
{
	char *copy = value ? mem_strdup(value) : NULL;

	if (!value)
		return 0;
	if (!copy)
		return -ENOMEM;
	mem_free(*setting);
	*setting = copy;
	return 0;
}

static int load_settings(struct program *p)
{
	const struct ex_options *o = &p->options;
	int rc = ex_settings_load(&p->settings, o->path);

	if (rc == 0 && o->plan) {
		ex_plan_free(&p->settings.further);
		rc = ex_plan_load(&p->settings.further, o->plan);
	}
	if (rc == 0)
		rc = override(&p->settings.own.control, o->control);
	if (rc == 0)
		rc = override(&p->settings.own.log_json, o->log_json);
	return rc;
}

static int start_control(struct program *p)
{
	const char *path = p->settings.own.control;
	int rc = path ? ex_control_create(&p->control, path, p->exchange, &control_ops, p) : 0;

	if (rc == -EADDRINUSE)
		fprintf(stderr,
			"e1exchange: control socket %s: taken; another exchange serves there, or "
			"it is "
			"no socket\n",
			path);
	else if (rc < 0)
		fprintf(stderr, "e1exchange: control socket %s: %s\n", path, strerror(-rc));
	return rc;
}

static int start_faults(struct program *p)
{
	for (unsigned i = 0; i < p->options.fault_count; i++) {
		int rc = ex_exchange_fault(p->exchange, &p->options.faults[i]);

		if (rc < 0) {
			fprintf(stderr, "e1exchange: --fault: %s\n",
				rc == -ENOENT ? "no such line" : strerror(-rc));
			return rc;
		}
	}
	return 0;
}

/* Everything that runs. Afterwards the loop is turned until all is closed, whatever came of it. */
static int serve(struct program *p)
{
	struct ex_exchange_cfg cfg = { .settings = &p->settings, .loop = p->loop };
	int rc = ex_exchange_create(&p->exchange, &cfg);

	if (rc < 0)
		return STATUS_FAILED;
	rc = start_control(p);
	if (rc == 0)
		rc = start_faults(p);
	if (rc == 0)
		rc = start_load(p);
	if (rc < 0) {
		p->status = STATUS_USAGE;
		end(p);
	}
	return loop_run(p->loop);
}

static int run(struct program *p)
{
	int status = STATUS_USAGE, signal_fd;

	p->text = p->options.json && !p->options.json_path ? stderr : stdout;
	if (p->options.log_level)
		log_set_level((enum log_level)log_level_by_name(p->options.log_level));
	if (load_settings(p) < 0)
		goto out;
	if (p->options.verb == EX_VERB_CHECK) {
		fprintf(p->text, "%s: good\n", p->options.path);
		status = 0;
		goto out;
	}
	if (loop_create(&p->loop, &clock_system) < 0 || watch_signals(p) < 0)
		goto out;
	status = serve(p);
out:
	ex_control_destroy(&p->control);
	signal_fd = p->signals.loop ? p->signals.fd : -1;
	loop_watch_remove(&p->signals);
	if (signal_fd >= 0)
		close(signal_fd);
	loop_destroy(&p->loop);
	ex_settings_free(&p->settings);
	return status;
}

static int ask(const struct ex_options *o)
{
	int rc = ex_control_ask(o->path, o->words, o->word_count, stdout);

	if (rc >= 0)
		return rc ? STATUS_FAILED : 0;
	fprintf(stderr,
		"e1exchange: no exchange listens at %s: %s; one is started by 'e1exchange "
		"run CONFIG --control PATH'\n",
		o->path, strerror(-rc));
	return STATUS_FAILED;
}

int main(int argc, char **argv)
{
	struct program program = { 0 };
	char why[320] = "";

	ex_json_init();
	if (ex_options_parse(&program.options, argc, argv, why) < 0) {
		fprintf(stderr, "e1exchange: %s\n'e1exchange --help' shows all\n", why);
		return STATUS_USAGE;
	}
	if (program.options.verb == EX_VERB_HELP) {
		ex_options_help(program.options.help_about, argc > 1 ? stdout : stderr);
		return argc > 1 ? 0 : STATUS_USAGE;
	}
	if (program.options.verb == EX_VERB_VERSION) {
		printf("e1exchange %s\n", CAUSEWAY_VERSION);
		return 0;
	}
	if (program.options.verb == EX_VERB_CTL)
		return ask(&program.options);
	return run(&program);
}
