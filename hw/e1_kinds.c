/* SPDX-License-Identifier: GPL-2.0-only */
/* Which kinds of lines there are. Apart from the front, so that a test with its own backend
 * links no card and no socket. */
#include "hw/e1_private.h"

#include <errno.h>

int e1_line_open(struct e1_line **out, const struct conf_line *conf, struct worker *worker,
		 const struct e1_line_ops *ops, void *arg)
{
	switch (conf->kind) {
	case CONF_LINE_CESOPSN:
		return e1_line_open_backend(out, conf, worker, &e1_cesopsn_backend, NULL, ops, arg);
	case CONF_LINE_DAHDI:
		return e1_line_open_backend(out, conf, worker, &e1_dahdi_backend, NULL, ops, arg);
	}
	return -EINVAL;
}
