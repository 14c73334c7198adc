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

	return isatty(STDOUT_FILENO) && !(refused && *refused) && terminal && strcmp(terminal, "dumb") != 0;
}

int main(int argc, char **argv)
{
	struct gwctl_io io = {
		.out = stdout,
		.err = stderr,
		.colour = wants_colour(),
		.socket = getenv("CAUSEWAY_SOCKET"),
		.fetch = gwctl_fetch,
	};
	int rc;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return GWCTL_FAILED;
	rc = gwctl(argc, (const char *const *)argv, &io);
	curl_global_cleanup();
	return rc;
}
