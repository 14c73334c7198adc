/* SPDX-License-Identifier: GPL-2.0-only */
/* The start: tables from the store, into a new store, or, with the store away, those kept aside. */
#include "gateway/admin_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_WAIT_MS 3000 /* for the store, before the gateway serves without it */
#define JOB_WAIT_MS 30000  /* for what it holds, once it is there */
#define TURN_MS 100
#define KEPT_HEAD                                                                                  \
	"# The tables that gatewayd had last, for a start without its store; revision %lld\n"
#define KEPT_MAX (256u << 20)

/* ---- Jobs, on the store's thread ---- */

int admin_load_job(struct store_db *db, void *arg)
{
	struct admin_load_job *job = arg;

	/* It may be its second time. */
	catalog_unref(&job->catalog);
	admin_faults_free(&job->faults);
	return catalog_load(db, &job->catalog, &job->revision, admin_fault, &job->faults);
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static void compare_entry(void *arg, const struct catalog_entry *entry)
{
	struct admin_save_job *job = arg;

	if (entry->wall_us == job->wall_us && same_text(entry->who, job->author.who) &&
	    same_text(entry->origin, job->author.origin) &&
	    same_text(entry->what, job->author.what))
		job->revision = entry->revision;
}

/* The connection was lost as it committed: has it done so? */
static bool is_there(struct store_db *db, struct admin_save_job *job)
{
	job->revision = 0;
	return catalog_history_show(db, job->base + 1, compare_entry, NULL, job) >= 0 &&
	       job->revision == job->base + 1;
}

int admin_save_job(struct store_db *db, void *arg)
{
	struct admin_save_job *job = arg;
	int rc = catalog_save(db, job->from, job->base, job->to, &job->author, job->wall_us,
			      &job->revision);

	if (rc == -ESTALE && job->written && is_there(db, job))
		return 1;
	job->written = job->written || rc > 0;
	return rc;
}

/* ---- Seed ---- */

int admin_seed(struct catalog **out, const struct site *site, struct admin_faults *faults)
{
	faults->file = site_path(site);
	return catalog_from_tables(out, site_seed(site), admin_fault, faults);
}

void admin_seed_author(struct catalog_author *out, const struct site *site, char *what, size_t room)
{
	const char *path = site_path(site);

	snprintf(what, room, "seed from %s", path ? path : "the configuration");
	*out = (struct catalog_author){ .who = "gatewayd", .origin = "start", .what = what };
}

/* ---- Kept aside ---- */

static int write_whole(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n > 0 ? n : 0;
		length -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int admin_keep(const char *path, const struct catalog *catalog, int64_t revision)
{
	char *text = catalog_yaml(catalog), *fresh = mem_printf("%s.new", path);
	char head[128];
	int fd = -1, rc = -ENOMEM;

	snprintf(head, sizeof(head), KEPT_HEAD, (long long)revision);
	if (text && fresh) {
		fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
		rc = fd < 0 ? -errno : write_whole(fd, head, strlen(head));
	}
	if (rc == 0)
		rc = write_whole(fd, text, strlen(text));
	if (rc == 0 && fdatasync(fd) < 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	if (rc == 0 && rename(fresh, path) < 0)
		rc = -errno;
	mem_free(fresh);
	mem_free(text);
	return rc;
}

static int read_whole(const char *path, char **out, size_t *length)
{
	struct stat there;
	char *text;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	text = fstat(fd, &there) == 0 && there.st_size < KEPT_MAX
		       ? mem_zalloc((size_t)there.st_size + 1)
		       : NULL;
	*length = 0;
	while (text && *length < (size_t)there.st_size &&
	       (n = read(fd, text + *length, (size_t)there.st_size - *length)) > 0)
		*length += (size_t)n;
	close(fd);
	*out = text;
	return text ? 0 : -ENOMEM;
}

int admin_kept(const char *path, struct catalog **out, int64_t *revision,
	       struct admin_faults *faults)
{
	long long number = 0;
	size_t length = 0;
	char *text = NULL;
	int rc = read_whole(path, &text, &length);

	if (rc < 0)
		return rc;
	if (sscanf(text, KEPT_HEAD, &number) != 1)
		number = 0;
	faults->file = path;
	rc = catalog_from_yaml(out, path, text, length, admin_fault, faults);
	mem_free(text);
	if (rc == 0)
		*revision = number;
	return rc;
}

/* ---- One job and its answer, with a loop that only turns for it ---- */

struct errand {
	store_job_fn job;
	void *arg;
	bool told;
	int rc;
	char error[512];
};

static int errand_run(struct store_db *db, void *arg)
{
	struct errand *errand = arg;

	return errand->job(db, errand->arg);
}

static void errand_done(void *arg, int rc, const char *error)
{
	struct errand *errand = arg;

	errand->told = true;
	errand->rc = rc;
	snprintf(errand->error, sizeof(errand->error), "%s", error);
}

struct start {
	struct admin_start out;
	struct site *site;
	struct places places;
	struct loop *loop;
	struct store *store;
	struct admin_faults faults;
	char error[1024]; /* why the store doesn't serve */
};

static int run_job(struct start *start, enum store_access access, store_job_fn job, void *arg)
{
	struct errand errand = { .job = job, .arg = arg };
	int rc = store_run(start->store, access, JOB_WAIT_MS, errand_run, errand_done, &errand);

	while (rc == 0 && !errand.told)
		loop_turn(start->loop, TURN_MS);
	if (rc == 0)
		rc = errand.rc;
	if (rc < 0)
		snprintf(start->error, sizeof(start->error), "%s",
			 errand.error[0] ? errand.error : strerror(-rc));
	return rc;
}

/* ---- Out of the store ---- */

static int open_store(struct start *start)
{
	struct store_cfg cfg = { .url = start->places.tables,
				 .namespace_name = ADMIN_NAMESPACE,
				 .schemas = &catalog_store_schema,
				 .schema_count = 1,
				 .thread_name = "store-start" };
	int rc = loop_create(&start->loop, &clock_system);

	cfg.home = start->loop;
	if (rc == 0)
		rc = places_make(&start->places, start->error, sizeof(start->error));
	if (rc == 0)
		rc = store_open(&start->store, &cfg, start->error, sizeof(start->error));
	if (rc == 0)
		rc = store_wait(start->store, START_WAIT_MS, start->error, sizeof(start->error));
	return rc;
}

static void close_store(struct start *start)
{
	store_close(&start->store);
	loop_destroy(&start->loop);
}

/* A new store gets the tables of the configuration, once they hold. */
static int seed_store(struct start *start)
{
	struct admin_save_job job = { .wall_us = clock_wall_us(&clock_system) };
	struct catalog *empty = NULL;
	char what[1024];
	char *faults = NULL;
	int rc = admin_seed(&start->out.catalog, start->site, &start->faults);

	/* From the tables as they were written: their faults have places. */
	if (rc == 0)
		rc = site_compile(start->site, site_seed(start->site), &start->out.plan, &faults);
	if (faults)
		admin_fault_lines(&start->faults, faults);
	mem_free(faults);
	if (rc == 0)
		rc = catalog_create(&empty);
	if (rc < 0)
		return rc;
	job.from = empty;
	job.to = start->out.catalog;
	admin_seed_author(&job.author, start->site, what, sizeof(what));
	rc = run_job(start, STORE_WRITE, admin_save_job, &job);
	start->out.revision = rc > 0 ? job.revision : 0;
	catalog_unref(&empty);
	return rc < 0 ? rc : 0;
}

static int load_store(struct start *start)
{
	struct admin_load_job job = { .catalog = NULL };
	int rc = run_job(start, STORE_READ, admin_load_job, &job);

	if (rc >= 0 && job.revision == 0) {
		catalog_unref(&job.catalog);
		rc = seed_store(start);
		/* Another gateway of the same store was faster. */
		if (rc != -ESTALE)
			return rc;
		catalog_unref(&start->out.catalog);
		dialplan_unref(&start->out.plan);
		rc = run_job(start, STORE_READ, admin_load_job, &job);
	}
	if (job.faults.count)
		admin_fault_text(&start->faults, "store: what %s holds is not understood:\n%s",
				 start->places.tables, job.faults.text ? job.faults.text : "");
	admin_faults_free(&job.faults);
	start->out.catalog = job.catalog;
	start->out.revision = job.revision;
	return rc < 0 ? rc : 0;
}

/* ---- Without it ---- */

static int load_kept(struct start *start)
{
	int rc = admin_kept(start->places.kept, &start->out.catalog, &start->out.revision,
			    &start->faults);

	start->out.from_file = true;
	if (rc == -ENOENT) {
		log_write(LOG_LEVEL_ERROR, "store", NULL,
			  "%s; no tables were kept aside yet: those of the configuration serve",
			  start->error);
		return admin_seed(&start->out.catalog, start->site, &start->faults);
	}
	if (rc == 0)
		log_write(LOG_LEVEL_ERROR, "store", NULL,
			  "%s; the tables of revision %lld that were kept aside in %s serve",
			  start->error, (long long)start->out.revision, start->places.kept);
	return rc;
}

/* ---- Together ---- */

static void warn_of_unknown(const struct admin_names *unknown)
{
	for (size_t i = 0; i < unknown->count; i++)
		log_write(LOG_LEVEL_WARNING, "tables", NULL,
			  "routes name the gateway %s, which this machine hasn't got: they pass it "
			  "over",
			  unknown->list[i]);
}

static int compile_start(struct start *start)
{
	struct admin_names unknown;
	int rc;

	if (start->out.plan) /* just seeded */
		return 0;
	rc = admin_unknown(&unknown, start->out.catalog, start->site);
	if (rc < 0)
		return rc;
	warn_of_unknown(&unknown);
	start->faults.file = NULL;
	rc = admin_compile(&start->out.plan, start->out.catalog, start->site, &unknown,
			   &start->faults);
	admin_names_free(&unknown);
	return rc;
}

/* Faults of what is stored, or of the configuration, are for the administrator; anything else of
 * the store is no reason not to serve calls. */
static bool serves_without(const struct start *start, int rc)
{
	return rc < 0 && rc != -ENOMEM && !start->faults.count;
}

int admin_load(struct admin_start *out, struct site *site, char **faults)
{
	struct start *start = mem_zalloc(sizeof(*start));
	int rc;

	*faults = NULL;
	if (!start)
		return -ENOMEM;
	start->site = site;
	places_of(&start->places, site_machine(site));
	rc = open_store(start);
	if (rc == 0)
		rc = load_store(start);
	close_store(start);
	if (serves_without(start, rc)) {
		catalog_unref(&start->out.catalog);
		dialplan_unref(&start->out.plan);
		rc = load_kept(start);
	}
	if (rc == 0)
		rc = compile_start(start);
	if (rc == 0) {
		*out = start->out;
	} else {
		if (!start->faults.count && rc != -ENOMEM)
			admin_fault_text(&start->faults, "%s",
					 start->error[0] ? start->error : strerror(-rc));
		*faults = start->faults.text;
		start->faults.text = NULL;
		admin_start_free(&start->out);
		rc = rc == -ENOMEM ? rc : -EINVAL;
	}
	admin_faults_free(&start->faults);
	mem_free(start);
	return rc;
}

void admin_start_free(struct admin_start *start)
{
	catalog_unref(&start->catalog);
	dialplan_unref(&start->plan);
	*start = (struct admin_start){ 0 };
}
