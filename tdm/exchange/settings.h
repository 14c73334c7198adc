/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TDM_EXCHANGE_SETTINGS_H
#define TDM_EXCHANGE_SETTINGS_H

/* The exchange's configuration file: lines and spans as in gateway.yaml (conf/machine.h), the plan
 * inline or by its file's name, and where to listen and write. Thread: any. */

#include "tdm/exchange/plan.h"

struct ex_settings {
	struct machine_conf machine;
	struct ex_plan plan; /* `scenarios` and `numbers` of this file; they are looked at first */
	struct ex_plan further;       /* of the file that `plan` names */
	struct ex_own_settings {
		char *plan;           /* relative to this file; NULL: none */
		char *control;        /* path of the control socket; NULL: none */
		char *log_json;       /* path of the journal; NULL: none */
	} own;
};

/* Reads and checks all. Faults are printed to stderr with their positions. 0; -EINVAL after faults;
 * -errno. A span whose file does not say its role is the network side. */
int ex_settings_load(struct ex_settings *out, const char *path);
void ex_settings_free(struct ex_settings *settings);

#endif
