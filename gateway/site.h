/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef GATEWAY_SITE_H
#define GATEWAY_SITE_H

/* One reading of gateway.yaml: what the machine is, and the tables that a new store is seeded with.
 * Immutable and reference counted: whatever is made from it (a trunk, a span, a line) holds a
 * reference as long as it borrows from it, so that old and new readings stand side by side while
 * calls drain.
 *
 * Threads: any. */

#include "conf/machine.h"
#include "dialplan/dialplan.h"

#include <stdbool.h>
#include <stddef.h>

struct site;

/* 0; -EINVAL: it has faults; -errno of the file. Then `*faults` (mem_free()) has them, a line each:
 * "file:line:column: what, and what is accepted". */
int site_read(struct site **out, const char *path, char **faults);
/* From a text, for tests. */
int site_read_text(struct site **out, const char *name, const char *text, char **faults);
/* Around structs that the caller keeps (tests); they must outlive it. */
int site_wrap(struct site **out, const struct machine_conf *machine,
	      const struct dialplan_tables *tables);
struct site *site_ref(struct site *site);
void site_unref(struct site **site); /* sets NULL, takes NULL */

const struct machine_conf *site_machine(const struct site *site);
const struct dialplan_tables *site_seed(const struct site *site);
const char *site_path(const struct site *site);

/* ---- Names that routes may use for gateways ---- */

/* Every trunk, span and group, for dialplan_compile(); valid as long as the site. */
size_t site_gateway_names(const struct site *site, const struct dp_gateway_name **out);

/* Does the union hold: every dial plan, policy and translation that the machine names is in the
 * tables? All faults, a line each, by mem_free(); NULL: it holds. -ENOMEM is a fault as well. */
struct dialplan;
char *site_check_union(const struct site *site, const struct dialplan *plan);

/* Compiles tables with the site's names and checks the union. 0 and *plan (a reference for the
 * caller); -EINVAL and all faults in *faults, a line each, those of the tables with the place they
 * have in the site's file; -ENOMEM. */
int site_compile(const struct site *site, const struct dialplan_tables *tables,
		 struct dialplan **plan, char **faults);

/* ---- Comparing ---- */

enum site_object {
	SITE_INTERFACE,
	SITE_TRUNK,
	SITE_LINE,
	SITE_SPAN,
	SITE_MEDIA,
	SITE_API,
	SITE_STORE,
	SITE_LOG,
	SITE_OTHER,
};
enum site_effect {
	SITE_AT_ONCE,  /* with the next call, nothing is interrupted */
	SITE_DRAINS,   /* the object is made anew; its calls finish (or are cut) before */
	SITE_RESTART,  /* only when gatewayd is started again */
};
enum site_verb { SITE_ADDED, SITE_REMOVED, SITE_CHANGED };

struct site_difference {
	enum site_object object;
	enum site_verb verb;
	enum site_effect effect;
	const char *name;   /* of the trunk, span …; "" for sections that are there once */
	const char *keys;   /* SITE_CHANGED: "peer: 192.0.2.1 → 192.0.2.2, max-calls: 0 → 30" */
};
/* What differs between two of a kind (struct conf_sip_interface, conf_trunk, conf_line, conf_span):
 * 0 nothing; 1, the effect, and in *keys (mem_free(); NULL: not wanted) what it is; -ENOMEM. */
int site_compare(enum site_object object, const void *from, const void *to,
		 enum site_effect *effect, char **keys);

/* A changed line drains its spans and a changed interface its trunks: those are told as well, keys
 * "line telco". Sections that are there once are told by effect: what is at once, what needs a
 * restart. Of secrets only the key is told. Returns how many, or -ENOMEM. Texts are valid during
 * the call. */
int site_diff(const struct site *from, const struct site *to,
	      void (*each)(void *arg, const struct site_difference *difference), void *arg);

#endif
