/* SPDX-License-Identifier: GPL-2.0-only */
/* What a record costs: on the signalling thread per call (held, written at three milestones,
 * finished), and how many per second come through the drain into SQLite, or into the database whose
 * url is the first argument. */
#include "base/loop.h"
#include "base/mem.h"
#include "gateway/call.h"
#include "gateway/gateway.h"
#include "gateway/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define CALLS 20000
#define MILESTONES 3

static const char *key(const struct leg *leg)
{
	return leg->endpoint->name;
}

static const struct leg_ops leg_ops = { .kind = "sip",
					.media_kind = LEG_MEDIA_PACKETS,
					.key = key };

static struct gateway gateway;
static struct endpoint endpoints[2] = { { .name = "core" }, { .name = "carrier" } };
static struct leg legs[2];
static struct call call;
static struct call_attempt attempt;

static void number(struct party_number *n, const char *digits)
{
	snprintf(n->digits, sizeof(n->digits), "%s", digits);
	n->present = true;
}

static void make_call(struct loop *loop)
{
	gateway.loop = loop;
	call.gateway = &gateway;
	list_init(&call.attempts);
	list_append(&call.attempts, &attempt.node);
	snprintf(attempt.gateway, sizeof(attempt.gateway), "carrier");
	snprintf(attempt.route, sizeof(attempt.route), "world");
	number(&call.info.called.number, "02079460000");
	number(&call.info.calling.number, "02079461111");
	number(&call.called_normalized, "+442079460000");
	number(&call.calling_normalized, "+442079461111");
	number(&attempt.called_sent, "2079460000");
	for (unsigned seat = 0; seat < 2; seat++) {
		legs[seat] = (struct leg){ .ops = &leg_ops,
					   .endpoint = &endpoints[seat],
					   .seat = seat };
		call.seats[seat] = &legs[seat];
	}
	call.times.setup_wall_us = clock_wall_us(&clock_system);
	call.times.setup_us = clock_now_us(&clock_system);
}

static void one_call(struct records *records)
{
	call.recorded = false;
	call_id_make(&gateway.ids, clock_wall_us(&clock_system), call.id);
	records_begin(records, &call);
	for (unsigned i = 0; i < MILESTONES; i++)
		records_update(records, &call);
	call.cause = q850(Q850_NORMAL_CLEARING, Q850_LOC_USER);
	records_end(records, &call);
}

/* Of this thread alone: others may need the processor. */
static uint64_t thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct records *open_records(struct loop *control, const char *url, const char *spool)
{
	struct records_cfg cfg = { .url = url,
				   .spool = spool,
				   .spool_size = (uint64_t)128 << 20,
				   .calls = 16 };
	struct records *records = NULL;
	char error[512];

	if (records_open(&records, &cfg, control, error, sizeof(error)) < 0) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	return records;
}

static void signalling(struct loop *control, const char *folder, const char *spool)
{
	char away[200];
	struct records *records;
	uint64_t begin;

	snprintf(away, sizeof(away), "sqlite:%s/away/records.db", folder);
	records = open_records(control, away, spool);
	for (unsigned i = 0; i < 1000; i++) /* touch the pages */
		one_call(records);
	begin = thread_ns();
	for (unsigned i = 0; i < CALLS; i++)
		one_call(records);
	printf("records, signalling thread: %.0f ns per call (%u writes of %zu octets)\n",
	       (double)(thread_ns() - begin) / CALLS, MILESTONES + 2,
	       offsetof(struct cdr, attempts) + sizeof(struct cdr_attempt));
	records_close(&records, 0);
}

static void drain(struct loop *control, const char *url, const char *spool)
{
	struct records *records;
	struct records_state state = { .stored = 0 };
	uint64_t begin_us = clock_now_us(&clock_system);

	records = open_records(control, url, spool);
	do {
		loop_turn(control, 10);
		records_state(records, &state);
	} while (state.spool.queued);
	printf("records, drain into %s: %.0f per second\n", state.store.kind,
	       (double)state.stored * 1e6 / (double)(clock_now_us(&clock_system) - begin_us));
	records_close(&records, 0);
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/bench-records-XXXXXX", spool[100], url[200], command[100];
	struct loop *control = NULL, *loop = NULL;

	if (!mkdtemp(folder) || loop_create(&control, &clock_system) < 0 ||
	    loop_create(&loop, &clock_system) < 0)
		return 1;
	snprintf(spool, sizeof(spool), "%s/spool", folder);
	snprintf(url, sizeof(url), "sqlite:%s/records.db", folder);
	make_call(loop);
	signalling(control, folder, spool);
	drain(control, argc > 1 ? argv[1] : url, spool);
	loop_destroy(&control);
	loop_destroy(&loop);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) == 0 && mem_live_blocks() == 0 ? 0 : 1;
}
