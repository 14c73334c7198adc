/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_keep.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

static const struct setting {
	int level, name, value;
} settings[] = {
	{ SOL_SOCKET, SO_KEEPALIVE, 1 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, SIP_KEEP_IDLE_S },
	{ IPPROTO_TCP, TCP_KEEPINTVL, SIP_KEEP_INTERVAL_S },
	{ IPPROTO_TCP, TCP_KEEPCNT, SIP_KEEP_COUNT },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, SIP_KEEP_UNACKNOWLEDGED_MS },
};

int sip_keep_socket(int fd)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (setsockopt(fd, settings[i].level, settings[i].name, &settings[i].value,
			       sizeof(settings[i].value)) < 0)
			return -errno;
	return 0;
}

static bool is_connection(int fd)
{
	int protocol = 0, listening = 1;
	socklen_t length = sizeof(protocol);

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
	       protocol == IPPROTO_TCP &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && !listening;
}

static bool is_towards(int fd, const struct netaddr *local, const struct netaddr *peer)
{
	struct netaddr own = { 0 }, far = { 0 };
	socklen_t length = sizeof(own);

	if (getsockname(fd, &own.u.sa, &length) < 0 ||
	    netaddr_family(&own) != netaddr_family(local))
		return false;
	netaddr_set_port(&own, netaddr_port(local));
	length = sizeof(far);
	if (getpeername(fd, &far.u.sa, &length) < 0)
		return errno == ENOTCONN && netaddr_equal(&own, local);
	return netaddr_equal(&far, peer);
}

unsigned sip_keep_connections(const struct netaddr *local, const struct netaddr *peer)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned n = 0;

	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && is_connection(fd) && is_towards(fd, local, peer) &&
		    sip_keep_socket(fd) == 0)
			n++;
	}
	if (dir)
		closedir(dir);
	return n;
}
