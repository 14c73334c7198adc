/* SPDX-License-Identifier: GPL-2.0-only */
/* What routes may name for a gateway: trunks and spans, groups of spans, and the administrator's
 * own names (aliases) for any of these. Each name is written out as its members once, before routes
 * are compiled. */
#include "dialplan/plan_private.h"

#include "base/mem.h"
#include "conf/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct plan_member {
	const char *name; /* interned */
	unsigned index;
};
struct plan_target {
	const char *name; /* interned */
	bool alias;
	struct plan_member *members;
	size_t count;
};

/* ---- Names, kept once for the whole snapshot ---- */

/* The place of `name` in a sorted list, or where it belongs. */
static size_t name_place(const struct dialplan *plan, const char *name, bool *found)
{
	size_t low = 0, high = plan->name_count;

	*found = false;
	while (low < high && !*found) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, plan->names[middle]);

		*found = order == 0;
		if (order <= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return high;
}

static const char *intern(struct dialplan *plan, const char *name)
{
	bool found;
	size_t at = name_place(plan, name, &found);
	char *copy, **more;

	if (found)
		return plan->names[at];
	if (plan->name_count == plan->name_room) {
		more = mem_realloc(plan->names, (plan->name_room * 2 + 16) * sizeof(*more));
		if (!more)
			return NULL;
		plan->names = more;
		plan->name_room = plan->name_room * 2 + 16;
	}
	copy = mem_strdup(name);
	if (!copy)
		return NULL;
	memmove(plan->names + at + 1, plan->names + at,
		(plan->name_count - at) * sizeof(*plan->names));
	plan->names[at] = copy;
	plan->name_count++;
	return copy;
}

/* ---- Targets, while compiling ---- */

static size_t target_place(const struct plan_builder *b, const char *name, bool *found)
{
	size_t low = 0, high = b->target_count;

	*found = false;
	while (low < high && !*found) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, b->targets[middle].name);

		*found = order == 0;
		if (order <= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return high;
}

static struct plan_target *find_target(const struct plan_builder *b, const char *name)
{
	bool found;
	size_t at = target_place(b, name, &found);

	return found ? &b->targets[at] : NULL;
}

/* NULL: without memory. What was found before may move. */
static struct plan_target *get_target(struct plan_builder *b, const char *name)
{
	bool found;
	size_t at = target_place(b, name, &found);
	const char *kept = intern(b->plan, name);

	if (found || !kept)
		return found ? &b->targets[at] : NULL;
	if (b->target_count == b->target_room) {
		struct plan_target *more =
			mem_realloc(b->targets, (b->target_room * 2 + 16) * sizeof(*more));

		if (!more)
			return NULL;
		b->targets = more;
		b->target_room = b->target_room * 2 + 16;
	}
	memmove(b->targets + at + 1, b->targets + at, (b->target_count - at) * sizeof(*b->targets));
	b->target_count++;
	b->targets[at] = (struct plan_target){ .name = kept };
	return &b->targets[at];
}

static int add_member(struct plan_builder *b, struct plan_target *target, const char *name,
		      unsigned index)
{
	const char *kept = intern(b->plan, name);
	struct plan_member *more = NULL;

	if (kept)
		more = mem_realloc(target->members, (target->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	target->members = more;
	more[target->count++] = (struct plan_member){ kept, index };
	return 0;
}

static const char *target_at(const void *list, size_t i)
{
	const struct plan_builder *b = list;

	return i < b->target_count ? b->targets[i].name : NULL;
}

/* ", did you mean x?", or nothing. */
static const char *nearest_target(const struct plan_builder *b, const char *name, char text[120])
{
	const char *nearest = suggest_nearest(name, target_at, b);

	text[0] = '\0';
	if (nearest)
		snprintf(text, 120, ", did you mean %.80s?", nearest);
	return text;
}

static int build_machine_targets(struct plan_builder *b)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->gateway_count; i++) {
		const struct dp_gateway_name *from = &b->gateways[i];
		struct plan_target *target = get_target(b, from->name);

		rc = target ? add_member(b, target, from->member ? from->member : from->name,
					 from->index)
			    : -ENOMEM;
	}
	return rc;
}

/* ---- Aliases ---- */

static int build_alias_names(struct plan_builder *b)
{
	size_t count = b->tables->gateway_count;
	struct plan_name *names = mem_calloc(count, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct dp_gateway *from = &b->tables->gateways[i];
		struct plan_target *target = get_target(b, from->name);

		names[i] = (struct plan_name){ from->name, from->place };
		if (!target) {
			mem_free(names);
			return -ENOMEM;
		}
		if (target->count)
			plan_fault(b, from->place,
				   "gateway %s: a trunk, span or group of this machine has "
				   "that name already; give it another",
				   from->name);
		else
			target->alias = true;
	}
	plan_check_names(b, names, count, "gateways");
	mem_free(names);
	return 0;
}

static int build_alias_member(struct plan_builder *b, const struct dp_gateway *from,
			      const char *member)
{
	const struct plan_target *to = find_target(b, member);
	char nearest[120];
	int rc = 0;

	if (to && to->alias) {
		plan_fault(b, from->place,
			   "gateway %s: its member %s is a gateway of the tables as well; members "
			   "are trunks, spans and groups",
			   from->name, member);
		return 0;
	}
	if (!to && b->gateways) {
		plan_fault(b, from->place, "gateway %s: there is no trunk, span or group %s%s",
			   from->name, member, nearest_target(b, member, nearest));
		return 0;
	}
	if (!to)
		return add_member(b, find_target(b, from->name), member, 0);
	for (size_t i = 0; rc == 0 && i < to->count; i++)
		rc = add_member(b, find_target(b, from->name), to->members[i].name,
				to->members[i].index);
	return rc;
}

static int build_alias(struct plan_builder *b, const struct dp_gateway *from)
{
	int rc = 0;

	if (!find_target(b, from->name)->alias)
		return 0; /* told already */
	if (from->member_count == 0)
		plan_fault(b, from->place, "gateway %s: it has no members", from->name);
	for (size_t i = 0; rc == 0 && i < from->member_count; i++) {
		size_t seen = 0;

		while (strcmp(from->members[seen], from->members[i]) != 0)
			seen++;
		if (seen < i)
			plan_fault(b, from->place, "gateway %s: the member %s is listed twice",
				   from->name, from->members[i]);
		else
			rc = build_alias_member(b, from, from->members[i]);
	}
	return rc;
}

int plan_build_gateways(struct plan_builder *b)
{
	int rc = build_machine_targets(b);

	if (rc == 0)
		rc = build_alias_names(b);
	for (size_t i = 0; rc == 0 && i < b->tables->gateway_count; i++)
		rc = build_alias(b, &b->tables->gateways[i]);
	return rc;
}

void plan_free_targets(struct plan_builder *b)
{
	for (size_t i = 0; i < b->target_count; i++)
		mem_free(b->targets[i].members);
	mem_free(b->targets);
}

void plan_free_names(struct dialplan *plan)
{
	for (size_t i = 0; i < plan->name_count; i++)
		mem_free(plan->names[i]);
	mem_free(plan->names);
}

/* ---- Routes ---- */

/* Names that nobody checks stand for themselves. */
static int unchecked_target(struct plan_builder *b, const char *name,
			    const struct plan_target **out)
{
	struct plan_target *target = get_target(b, name);
	int rc = target ? add_member(b, target, name, 0) : -ENOMEM;

	*out = target;
	return rc;
}

int plan_add_gateway(struct plan_builder *b, const char *route_name,
		     const struct dp_gateway_ref *ref, struct plan_route *route)
{
	const struct plan_target *target = find_target(b, ref->name);
	struct plan_gateway *more;
	char nearest[120];
	int rc = 0;

	if (!target && b->gateways) {
		plan_fault(b, ref->place,
			   "route %s: there is no trunk, span, group or gateway %s%s", route_name,
			   ref->name, nearest_target(b, ref->name, nearest));
		return 0;
	}
	if (!target)
		rc = unchecked_target(b, ref->name, &target);
	if (rc || target->count == 0)
		return rc;
	more = mem_realloc(route->gateways, (route->gateway_count + target->count) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	route->gateways = more;
	for (size_t i = 0; i < target->count; i++) {
		more[route->gateway_count++] = (struct plan_gateway){
			.name = target->name,
			.member = target->members[i].name,
			.index = target->members[i].index,
			.weight = ref->weight,
		};
		route->total_weight += ref->weight;
	}
	return 0;
}
