/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/gwctl.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* https://no-color.org: set and not empty means none. */
static bool wants_colour(void)
{
	const char *refused = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(refused && *refused) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static bool can_redraw(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

int main(int argc, char **argv)
{
	struct gwctl_io io = {
		.in = stdin,
		.out = stdout,
		.err = stderr,
		.colour = wants_colour(),
		.asks = isatty(STDIN_FILENO) && isatty(STDERR_FILENO),
		.terminal = can_redraw(),
		.socket = getenv("CAUSEWAY_SOCKET"),
		.token = getenv("CAUSEWAY_TOKEN"),
		.fetch = gwctl_fetch,
		.size = gwctl_terminal_size,
		.screen = gwctl_terminal_screen,
		.wait = gwctl_terminal_wait,
	};
	int rc;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return GWCTL_FAILED;
	rc = gwctl(argc, (const char *const *)argv, &io);
	curl_global_cleanup();
	return rc;
}
