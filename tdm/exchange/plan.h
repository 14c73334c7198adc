/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_PLAN_H
#define TDM_EXCHANGE_PLAN_H

/* The numbers plan: which called number behaves how. A behaviour is a list of steps that scenario.h
 * runs.
 *
 *   scenarios:
 *     busy: [ { release: { cause: 17, location: user } } ]
 *   numbers:
 *     - { called: 4420900017, scenario: busy }
 *     - { called: 4420*, steps: [ proceeding, alerting, { wait: 2s }, connect, echo ] }
 *
 * Plain data; any thread as long as nobody writes. */

#include "base/party.h"
#include "tdm/exchange/names.h"

enum ex_step_kind {
	/* Those that send a message come first: they index ex_step.messages. */
	EX_STEP_PROCEEDING,
	EX_STEP_ALERTING,
	EX_STEP_PROGRESS,
	EX_STEP_CONNECT,
	EX_STEP_DISCONNECT,
	EX_STEP_RELEASE,
	EX_MESSAGES,
	EX_STEP_WAIT = EX_MESSAGES,
	EX_STEP_PLAY,    /* a tone from here on */
	EX_STEP_ECHO,    /* what is heard goes back */
	EX_STEP_PRBS,    /* a pseudo-random sequence, checked when it comes back */
	EX_STEP_SILENCE, /* idle octets; the media at the beginning */
	EX_STEP_EXPECT,  /* check the SETUP; a call that fails is released */
	EX_STEP_IGNORE,  /* nothing at all: a SETUP stays without any answer */
	EX_STEP_COUNT,
};
const char *ex_step_name(enum ex_step_kind kind);

/* What a step's message carries. */
struct ex_message {
	struct conf_place place;   /* of the step, when it is not this one */
	bool inband;               /* progress indicator 8 (Q.931 4.5.23) */
	unsigned description;      /* another progress indicator; 0: none */
	int progress_location;     /* of both; default public-local */
	unsigned cause;            /* 1…127; 0: none */
	int location;              /* of the cause */
	char *diagnostics;         /* hex; NULL: none */
	char *display, *connected; /* NULL: none */
	int connected_type, connected_plan, connected_presentation, connected_screening;
	char *user_user;           /* hex, with protocol discriminator; NULL: none */
};

struct ex_play {
	struct conf_place place;
	unsigned hz;
	int level_dbm0;
};

/* NULL or EX_ANY: not asked for. Patterns are POSIX extended regular expressions. */
struct ex_expect {
	struct conf_place place;
	char *calling, *called, *redirecting;
	int type, presentation, screening;
	unsigned cause;            /* of the refusal; default 21 */
};

struct ex_step {
	struct conf_place place;
	int word;                  /* as written without a body: enum ex_step_kind, EX_ANY */
	struct ex_message messages[EX_MESSAGES];
	unsigned wait_ms;
	struct ex_play play;
	struct ex_expect expect;
	enum ex_step_kind kind;    /* which of these it is; ex_plan_check() finds out */
};

/* The message of a step that sends one; its parts may all be zero. */
static inline const struct ex_message *ex_step_message(const struct ex_step *step)
{
	return step->kind < EX_MESSAGES ? &step->messages[step->kind] : NULL;
}

struct ex_scenario {
	char *name;
	struct conf_place place;
	struct ex_step *steps;
	size_t step_count;
};

struct ex_number {
	struct conf_place place;
	char *called;              /* digits, X for any digit, a * at the end for any rest */
	char *span;                /* only on this one; NULL: on all */
	char *scenario;            /* name, or NULL and the steps here */
	struct ex_step *steps;
	size_t step_count;
};

struct ex_plan {
	struct ex_scenario *scenarios;
	size_t scenario_count;
	struct ex_number *numbers;
	size_t number_count;
};

/* Root keys `scenarios` and `numbers`: a document of their own, or a section of another
 * (settings.h). */
extern const struct schema ex_plan_schema;
/* Cross checks: one behaviour per step, patterns that can be reached, expressions that compile.
 * `plan` is a struct ex_plan. */
void ex_plan_check(struct conf_document *document, void *plan);

/* Reads a plan of its own file. 0; -EINVAL after faults, which are printed to stderr; -errno. */
int ex_plan_load(struct ex_plan *plan, const char *path);
void ex_plan_free(struct ex_plan *plan);

struct ex_steps {
	const struct ex_step *steps;
	size_t count;
	const char *scenario; /* its name, or the number's pattern */
};
/* The first entry that fits wins. False: none does. What it yields is the plan's. */
bool ex_plan_find(const struct ex_plan *plan, const char *span, const char *called,
		  struct ex_steps *out);
bool ex_pattern_fits(const char *pattern, const char *digits);

#endif
