/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine's configuration, read again: compared, checked with the tables, and carried in by the
 * signalling thread (reconfigure.h). */
#include "gateway/admin_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/notify.h"
#include "gateway/reconfigure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Compiles the tables with another site. What was unknown to the old one is no fault of the new. */
static int check_site(const struct admin *admin, const struct site *site, struct dialplan **plan,
		      struct admin_faults *faults)
{
	struct admin_names tolerated;
	int rc = admin_unknown(&tolerated, admin->catalog,
			       admin->places.shared ? site : admin->site);

	if (rc < 0)
		return rc;
	rc = admin_compile(plan, admin->catalog, site, &tolerated, faults);
	admin_names_free(&tolerated);
	return rc;
}

struct site *admin_read_site(struct admin *admin, char **faults)
{
	struct admin_faults found = { 0 };
	struct dialplan *plan = NULL;
	struct site *site = NULL;

	*faults = NULL;
	if (site_read(&site, site_path(admin->site), faults) < 0)
		return NULL;
	if (check_site(admin, site, &plan, &found) == 0) {
		dialplan_unref(&plan);
		return site;
	}
	*faults = found.text;
	site_unref(&site);
	return NULL;
}

/* ---- Reload ---- */

static void tell_difference(void *arg, const struct site_difference *d)
{
	static const char *const verbs[] = { "added", "removed", "changed" };
	static const char *const effects[] = { "at once", "as its calls end",
					       "when gatewayd is started again" };
	static const char *const objects[] = { "interface", "trunk", "line",
					       "span",      "media", "api",
					       "store",     "log",   "other settings" };

	(void)arg;
	log_write(LOG_LEVEL_NOTICE, "configuration", NULL, "%s%s%s %s%s%s: %s", objects[d->object],
		  d->name[0] ? " " : "", d->name, verbs[d->verb], d->keys && d->keys[0] ? ", " : "",
		  d->keys ? d->keys : "", effects[d->effect]);
}

static void ignore_difference(void *arg, const struct site_difference *difference)
{
	(void)arg;
	(void)difference;
}

void admin_reload_begin(struct admin_op *op)
{
	struct admin *admin = op->admin;
	char *faults = NULL;
	int rc = site_read(&op->site, site_path(admin->site), &faults);

	if (rc < 0) {
		op->faults.text = faults; /* mem_free() as well */
		op->faults.count = faults != NULL;
		admin_op_end(op, rc == -ENOMEM ? rc : -EINVAL);
		return;
	}
	rc = site_diff(admin->site, op->site, ignore_difference, NULL);
	if (rc > 0)
		rc = check_site(admin, op->site, &op->plan, &op->faults);
	else if (rc == 0) {
		admin_op_end(op, 0);
		return;
	}
	if (rc == 0)
		rc = admin_hold_plan(admin, op->plan);
	if (rc < 0)
		admin_op_end(op, rc);
	else
		admin_op_raise(op);
}

int admin_reload_commit(struct admin_op *op)
{
	struct reconfiguration *change = NULL;
	char error[1024] = "";
	int rc = gateway_prepare(&change, op->admin->gateway, op->site, error, sizeof(error));

	if (rc < 0) {
		admin_fault_text(&op->faults, "%s", error[0] ? error : strerror(-rc));
		return rc == -ENOMEM ? rc : -EINVAL;
	}
	gateway_commit(&change, dialplan_ref(op->plan), op->now);
	return 1;
}

void admin_reload_end(struct admin_op *op)
{
	struct admin *admin = op->admin;

	if (op->rc > 0) {
		site_diff(admin->site, op->site, tell_difference, NULL);
		op->old_site = admin->site;
		admin->site = site_ref(op->site);
		admin_tell_site(admin);
		if (admin->trouble[0]) /* the store's tables may fit now */
			admin_refresh(admin, false);
	}
	admin_op_end(op, op->rc);
}

/* ---- SIGHUP ---- */

static void hangup_done(void *arg, int rc, int64_t revision, const char *faults)
{
	(void)arg;
	(void)revision;
	for (const char *line = rc < 0 ? faults : NULL; line && *line;) {
		size_t n = strcspn(line, "\n");

		log_write(LOG_LEVEL_ERROR, "configuration", NULL, "not reloaded: %.*s", (int)n,
			  line);
		line += n + (line[n] == '\n');
	}
	if (rc >= 0)
		log_write(LOG_LEVEL_NOTICE, "configuration", NULL,
			  rc ? "reloaded" : "reloaded: nothing has changed");
	notify_ready(rc < 0 ? "serving; not reloaded, the log says why" : "serving");
}

static void reload_now(void *object, void *arg)
{
	(void)arg;
	admin_reload(object, false, hangup_done, NULL);
}

void admin_hangup_signal(struct admin *admin)
{
	worker_post(admin->control, reload_now, admin, NULL);
}
