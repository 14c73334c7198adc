/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine's configuration: checked, compared with what runs, reloaded. On the control thread.
 */
#include "gateway/api_private.h"

#include "base/log.h"
#include "base/mem.h"
#include "gateway/admin.h"
#include "gateway/inspect.h"

#include <errno.h>
#include <string.h>

static const char *const objects[] = {
	[SITE_INTERFACE] = "interface", [SITE_TRUNK] = "trunk", [SITE_LINE] = "line",
	[SITE_SPAN] = "span",           [SITE_MEDIA] = "media", [SITE_API] = "api",
	[SITE_STORE] = "store",         [SITE_LOG] = "log",     [SITE_OTHER] = "other",
};
static const char *const verbs[] = {
	[SITE_ADDED] = "added",
	[SITE_REMOVED] = "removed",
	[SITE_CHANGED] = "changed",
};
static const char *const effects[] = {
	[SITE_AT_ONCE] = "at-once",
	[SITE_DRAINS] = "drains",
	[SITE_RESTART] = "restart",
};

static void add_difference(void *arg, const struct site_difference *d)
{
	json_array_append_new(arg, json_pack("{s:s, s:o, s:s, s:s, s:o}", "object",
					     objects[d->object], "name", inspect_text(d->name),
					     "verb", verbs[d->verb], "effect", effects[d->effect],
					     "keys", inspect_text(d->keys)));
}

static json_t *differences(const struct site *from, const struct site *to)
{
	json_t *list = json_array();

	if (list && from && to && site_diff(from, to, add_difference, list) < 0) {
		json_decref(list);
		list = NULL;
	}
	return list;
}

/* The file, or a refusal that has its faults. */
static struct site *read_site(struct api_task *task)
{
	char *faults;
	struct site *site = admin_read_site(task->admin, &faults);

	if (!site)
		api_refuse_change(&task->reply, faults ? -EINVAL : -ENOMEM,
				  faults ? faults : "the gateway is out of memory");
	mem_free(faults);
	return site;
}

void api_config_check(struct api_task *task)
{
	struct site *site;

	if (!api_has_admin(task))
		return;
	site = read_site(task);
	if (site)
		api_answer(&task->reply,
			   json_pack("{s:o, s:i, s:i, s:i}", "path", inspect_text(site_path(site)),
				     "trunks", (int)site_machine(site)->trunk_count, "lines",
				     (int)site_machine(site)->line_count, "spans",
				     (int)site_machine(site)->span_count));
	site_unref(&site);
	api_done(task);
}

void api_config_diff(struct api_task *task)
{
	struct site *site;

	if (!api_has_admin(task))
		return;
	site = read_site(task);
	if (site)
		api_answer(&task->reply,
			   json_pack("{s:o, s:o}", "path", inspect_text(site_path(site)),
				     "differences", differences(admin_site(task->admin), site)));
	site_unref(&site);
	api_done(task);
}

static void reloaded(void *arg, int rc, int64_t revision, const char *faults)
{
	struct api_task *task = arg;
	const struct site *before, *after;

	(void)revision;
	if (rc < 0) {
		api_refuse_change(&task->reply, rc, faults);
	} else {
		admin_reload_outcome(task->admin, &before, &after);
		api_answer(&task->reply, json_pack("{s:b, s:o}", "changed", rc, "differences",
						   differences(rc ? before : NULL, after)));
	}
	api_done(task);
}

void api_config_reload(struct api_task *task)
{
	if (!api_has_admin(task))
		return;
	log_write(LOG_LEVEL_NOTICE, "api", NULL, "%s (%s): %s", task->query.person.who,
		  task->query.person.origin, task->query.what);
	admin_reload(task->admin, api_flag(&task->query, "now"), reloaded, task);
}
