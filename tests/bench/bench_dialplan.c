/* SPDX-License-Identifier: GPL-2.0-only */
/* The dial plan's cost, and that it does not follow the size of the table.
 *
 * Per table of 10, 1,000, 10,000 and 100,000 routes (and as many rules): seconds to build the
 * snapshot, and how many times as long that is as compiling the patterns alone (the reference of
 * the same run); decisions and normalizations per second, and what one costs compared with the
 * table of 10.
 *
 * Then what an administrator waits for with 100,000 routes in an SQLite store: seeding, loading
 * (compared with reading the rows alone), and one changed route on its way to the calls. */
#include "dialplan/catalog_store.h"
#include "dialplan/dialplan.h"
#include "dialplan/pattern.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DECISIONS 200000
#define LARGE 100000

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void told(void *arg, struct conf_place place, const char *what)
{
	(void)arg;
	(void)place;
	fprintf(stderr, "%s\n", what);
}

struct table {
	struct dialplan_tables tables;
	struct dp_route *routes;
	struct dp_rule *rules;
	struct dp_ruleset set;
	struct dp_policy policy;
	char *usages[1];
	struct dp_gateway_ref gateways[2];
};

/* Routes to exchanges of six digits, all different, and as many rules. */
static void fill(struct table *t, size_t count)
{
	static char usage[] = "All", policy[] = "p", set[] = "d", a[] = "a", b[] = "b";

	t->usages[0] = usage;
	t->gateways[0] = (struct dp_gateway_ref){ .name = a, .weight = 1 };
	t->gateways[1] = (struct dp_gateway_ref){ .name = b, .weight = 1 };
	t->routes = mem_calloc(count, sizeof(*t->routes));
	t->rules = mem_calloc(count, sizeof(*t->rules));
	for (size_t i = 0; i < count; i++) {
		t->routes[i] =
			(struct dp_route){ .name = mem_printf("r%zu", i),
					   .pattern = mem_printf("^\\+44%06zu\\d{4}$", i * 97),
					   .usages = t->usages,
					   .usage_count = 1,
					   .gateways = t->gateways,
					   .gateway_count = 2 };
		t->rules[i] = (struct dp_rule){ .name = t->routes[i].name,
						.pattern = mem_printf("^0(%06zu\\d{4})$", i * 97),
						.translation = mem_strdup("+44$1"),
						.type = -1,
						.plan = -1,
						.match_type = -1 };
	}
	t->policy = (struct dp_policy){ .name = policy, .usages = t->usages, .usage_count = 1 };
	t->set = (struct dp_ruleset){ .name = set, .rules = t->rules, .rule_count = count };
	t->tables = (struct dialplan_tables){ .dial_plans = &t->set,
					      .dial_plan_count = 1,
					      .usages = t->usages,
					      .usage_count = 1,
					      .policies = &t->policy,
					      .policy_count = 1,
					      .routes = t->routes,
					      .route_count = count };
}

static void empty(struct table *t, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		mem_free(t->routes[i].name);
		mem_free(t->routes[i].pattern);
		mem_free(t->rules[i].pattern);
		mem_free(t->rules[i].translation);
	}
	mem_free(t->routes);
	mem_free(t->rules);
}

static double decide(struct dialplan *plan, size_t count)
{
	struct dp_decision decision;
	double start = now_s();
	char number[32];

	for (size_t i = 0; i < DECISIONS; i++) {
		struct dp_request request = { .policy = "p", .called = number };

		snprintf(number, sizeof(number), "+44%06zu1234", i * 7919 % count * 97);
		if (dialplan_route(plan, &request, &decision, NULL) || decision.count != 2)
			abort();
	}
	return DECISIONS / (now_s() - start);
}

static double normalize(struct dialplan *plan, size_t count)
{
	double start = now_s();

	for (size_t i = 0; i < DECISIONS; i++) {
		struct party_number number = { .present = true };

		snprintf(number.digits, sizeof(number.digits), "0%06zu1234", i * 7919 % count * 97);
		if (dialplan_normalize(plan, "d", &number, &number, NULL) != 1)
			abort();
	}
	return DECISIONS / (now_s() - start);
}

/* ---- Decisions ---- */

static const struct dp_gateway_name gateways[] = { { "a", 0, NULL }, { "b", 1, NULL } };

/* Seconds to compile all patterns, and nothing else. */
static double patterns_alone(const struct table *t, size_t count)
{
	struct pattern_engine *engine;
	double start = now_s(), taken;
	struct pattern **patterns = calloc(2 * count, sizeof(*patterns));
	char why[PATTERN_WHY];

	if (!patterns || pattern_engine_create(&engine))
		abort();
	for (size_t i = 0; i < count; i++)
		if (pattern_compile(&patterns[2 * i], engine, t->routes[i].pattern, why) ||
		    pattern_compile(&patterns[2 * i + 1], engine, t->rules[i].pattern, why))
			abort();
	taken = now_s() - start;
	for (size_t i = 0; i < 2 * count; i++)
		pattern_destroy(&patterns[i]);
	pattern_engine_destroy(&engine);
	free(patterns);
	return taken;
}

static void bench_decisions(void)
{
	static const size_t sizes[] = { 10, 1000, 10000, LARGE };
	double decided[4], normalized[4];

	printf("%8s %10s %12s %14s %8s %18s %8s\n", "routes", "build s", "x patterns",
	       "decisions/s", "cost", "normalizations/s", "cost");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct dialplan *plan = NULL;
		struct table t = { 0 };
		double start, built, alone;

		fill(&t, sizes[i]);
		alone = patterns_alone(&t, sizes[i]);
		start = now_s();
		if (dialplan_compile(&plan, &t.tables, gateways, 2, told, NULL))
			exit(1);
		built = now_s() - start;
		decided[i] = decide(plan, sizes[i]);
		normalized[i] = normalize(plan, sizes[i]);
		printf("%8zu %10.4f %12.2f %14.0f %8.2f %18.0f %8.2f\n", sizes[i], built,
		       built / alone, decided[i], decided[0] / decided[i], normalized[i],
		       normalized[0] / normalized[i]);
		dialplan_unref(&plan);
		empty(&t, sizes[i]);
	}
}

/* ---- The catalog and its store ---- */

struct work {
	struct catalog *from, *to;
	int64_t base, revision;
	double taken;
	bool done;
	int rc;
};

static int save(struct store_db *db, void *arg)
{
	static const struct catalog_author author = { "bench", "here", "everything" };
	struct work *w = arg;
	double start = now_s();
	int rc = catalog_save(db, w->from, w->base, w->to, &author, 1, &w->revision);

	w->taken = now_s() - start;
	return rc;
}

static int load(struct store_db *db, void *arg)
{
	struct work *w = arg;
	double start = now_s();
	int rc = catalog_load(db, &w->to, &w->revision, told, NULL);

	w->taken = now_s() - start;
	return rc;
}

static int ignore_row(void *arg, const struct store_value *columns, size_t n)
{
	(void)n;
	*(size_t *)arg += columns[3].length;
	return 0;
}

static int read_rows(struct store_db *db, void *arg)
{
	struct work *w = arg;
	double start = now_s();
	size_t octets = 0;
	int rc = store_query(
		db,
		"SELECT parent, name, position, body FROM object ORDER BY kind, parent, position",
		NULL, 0, ignore_row, &octets);

	w->taken = now_s() - start;
	return rc < 0 ? rc : 0;
}

static void done(void *arg, int rc, const char *error)
{
	struct work *w = arg;

	if (rc < 0)
		fprintf(stderr, "store: %d %s\n", rc, error);
	w->rc = rc;
	w->done = true;
}

static double run(struct loop *loop, struct store *store, enum store_access access,
		  store_job_fn job, struct work *w)
{
	double start = now_s();

	w->done = false;
	if (store_run(store, access, 0, job, done, w))
		abort();
	while (!w->done)
		loop_turn(loop, 60000);
	if (w->rc < 0)
		exit(1);
	return now_s() - start;
}

static double timed_change(struct catalog **out, const struct catalog *from, const char *body)
{
	const struct catalog_change change = { CATALOG_SET, CATALOG_ROUTE, .name = "r50000",
					       .body = body };
	double start = now_s();

	if (catalog_change(out, from, &change, 1, told, NULL))
		exit(1);
	return now_s() - start;
}

/* One changed route from the word to the snapshot. */
static void bench_change(struct loop *loop, struct store *store, struct work *w)
{
	struct dialplan *plan = NULL;
	struct catalog *next = NULL;
	double changed = timed_change(&next, w->to, "{\"priority\":7}"), start, diffed, tables,
	       built, stored;

	start = now_s();
	if (catalog_diff(w->to, next, NULL, NULL) != 1)
		exit(1);
	diffed = now_s() - start;
	start = now_s();
	if (!catalog_tables(next))
		exit(1);
	tables = now_s() - start;
	start = now_s();
	if (dialplan_compile(&plan, catalog_tables(next), gateways, 2, told, NULL))
		exit(1);
	built = now_s() - start;
	w->from = w->to;
	w->to = next;
	w->base = w->revision;
	stored = run(loop, store, STORE_WRITE, save, w);
	printf("one route changed: catalog %.1f ms, compared %.1f ms, tables %.1f ms, snapshot "
	       "%.0f ms, stored %.1f ms\n",
	       changed * 1e3, diffed * 1e3, tables * 1e3, built * 1e3, stored * 1e3);
	start = now_s();
	catalog_unref(&w->from);
	printf("the old catalog let go: %.1f ms\n", (now_s() - start) * 1e3);
	dialplan_unref(&plan);
}

static void bench_store(struct loop *loop, struct store *store, const struct table *t)
{
	struct work w = { .from = NULL };
	long before = mem_live_blocks();
	double start = now_s(), made;
	size_t length;
	char *yaml;

	if (catalog_create(&w.from) || catalog_from_tables(&w.to, &t->tables, told, NULL))
		exit(1);
	made = now_s() - start;
	printf("catalog of %d routes and rules from tables: %.2f s, %ld blocks\n", LARGE, made,
	       mem_live_blocks() - before);
	run(loop, store, STORE_WRITE, save, &w);
	printf("stored (SQLite, seeded): %.2f s\n", w.taken);
	catalog_unref(&w.from);
	catalog_unref(&w.to);
	run(loop, store, STORE_READ, read_rows, &w);
	made = w.taken;
	run(loop, store, STORE_READ, load, &w);
	printf("loaded: %.2f s, %.1f times as long as reading the rows alone\n", w.taken,
	       w.taken / made);
	bench_change(loop, store, &w);
	start = now_s();
	yaml = catalog_yaml(w.to);
	length = yaml ? strlen(yaml) : 0;
	printf("exported: %.2f s, %zu octets\n", now_s() - start, length);
	start = now_s();
	if (!yaml || catalog_from_yaml(&w.from, "export", yaml, length, told, NULL))
		exit(1);
	made = now_s() - start;
	start = now_s();
	if (catalog_diff(w.to, w.from, NULL, NULL) != 0)
		exit(1);
	printf("read back: %.2f s, compared in %.1f ms: nothing changes\n", made,
	       (now_s() - start) * 1e3);
	mem_free(yaml);
	catalog_unref(&w.from);
	catalog_unref(&w.to);
}

static void bench_catalog(void)
{
	char folder[] = "/tmp/cw-bench-XXXXXX", url[64], error[256], command[64];
	struct store_cfg cfg = { .url = url,
				 .schemas = &catalog_store_schema,
				 .schema_count = 1,
				 .thread_name = "tables" };
	struct store *store = NULL;
	struct loop *loop = NULL;
	struct table t = { 0 };

	if (!mkdtemp(folder) || loop_create(&loop, &clock_system))
		exit(1);
	snprintf(url, sizeof(url), "sqlite:%s/tables.db", folder);
	cfg.home = loop;
	if (store_open(&store, &cfg, error, sizeof(error)) ||
	    store_wait(store, 10000, error, sizeof(error))) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	fill(&t, LARGE);
	bench_store(loop, store, &t);
	empty(&t, LARGE);
	store_close(&store);
	loop_destroy(&loop);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s: not removed\n", folder);
}

int main(void)
{
	bench_decisions();
	bench_catalog();
	return 0;
}
