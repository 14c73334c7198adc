/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_CALL_SPEC_H
#define TDM_EXCHANGE_CALL_SPEC_H

/* What shall be called, how, and what is expected of it: one table of options for the command line
 * (`--hold 5s`) and the control socket (`hold=5s`). Plain values; any thread. */

#include "tdm/exchange/media.h"
#include "tdm/span.h"

enum ex_abandon { EX_ABANDON_NEVER, EX_ABANDON_TIME, EX_ABANDON_EVENT };

struct ex_call_spec {
	struct isdn_info info;      /* of the SETUP */
	char spans[256];            /* names, separated by commas, taken in turn; "": all */
	enum ex_source media;
	unsigned hz;
	int level_dbm0;
	unsigned hold_ms; /* from CONNECT to our DISCONNECT; 0: until the far end clears */
	unsigned listen_ms;         /* how long an announcement in DISCONNECT is listened to */
	unsigned ring_ms;           /* longest time without an answer */
	enum ex_abandon abandon;
	unsigned abandon_ms;
	enum isdn_event abandon_at; /* hang up as this comes */
	struct q850_cause hangup;   /* of our clearing */
	/* Expected */
	int expect_cause;           /* EX_ANY: that the call is answered and cleared normally */
	int expect_location;        /* EX_ANY: any */
	int expect_level_dbm0;      /* heard at its loudest, within 1 dB */
	bool expects_level;
	unsigned least_octets;      /* compared, of a sequence that came back */
	uint64_t seed;
	/* Load */
	double rate;                /* calls per second */
	unsigned calls, limit;
	bool detail, detail_given;  /* keep every call's messages in the result */
};

struct ex_call_option {
	const char *name, *argument, *help;
	int (*set)(struct ex_call_spec *spec, const struct ex_call_option *option,
		   const char *value);
	size_t offset;
	const struct schema_choice *choices;
	long min, max;
	bool load; /* is about many calls */
};
extern const struct ex_call_option ex_call_options[];
extern const size_t ex_call_option_count;

void ex_call_spec_init(struct ex_call_spec *spec);
/* 0; -ENOENT: no such option; -EINVAL. `why` (256 octets) says what is accepted. */
int ex_call_spec_set(struct ex_call_spec *spec, const char *name, const char *value, char *why);
/* Are the options complete? Fills what hangs on others. 0 or -EINVAL and `why`. */
int ex_call_spec_check(struct ex_call_spec *spec, char *why);

#endif
