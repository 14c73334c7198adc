/* SPDX-License-Identifier: GPL-2.0-only */
/* The sockets that the API listens on: a Unix socket always, loopback TCP where it is configured.
 */
#include "gateway/api.h"
#include "gateway/api_private.h"

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static bool somebody_listens(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool alive =
		fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

	if (fd >= 0)
		close(fd);
	return alive;
}

/* /run/causeway is made by systemd; by hand nobody has. Only the last folder: a wrong path shall
 * fail. */
static void make_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (!slash || slash == folder)
		return;
	*slash = '\0';
	(void)mkdir(folder, 0755);
}

int api_socket_free(const char *path, char *error, size_t room)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat there;

	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(error, room, "api: socket: %s is longer than %zu characters", path,
			 sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	if (somebody_listens(&address)) {
		snprintf(error, room,
			 "api: socket: another process serves at %s; is gatewayd running already?",
			 path);
		return -EADDRINUSE;
	}
	/* A stale socket is ours to replace; a file that somebody named by mistake is not. */
	if (lstat(path, &there) == 0 && !S_ISSOCK(there.st_mode)) {
		snprintf(error, room,
			 "api: socket: %s exists and is no socket; it stays as it is: name another "
			 "path or remove it",
			 path);
		return -EEXIST;
	}
	return 0;
}

int api_socket_mode(const struct conf_api *conf)
{
	for (size_t i = 0; i < conf->access_count; i++)
		if (conf->access[i].group)
			return 0666;
	return 0660;
}

static int socket_group(const struct conf_api *conf, gid_t *out, char *error, size_t room)
{
	struct group entry, *found = NULL;
	char text[16384];

	*out = getegid();
	if (!conf->group)
		return 0;
	if (getgrnam_r(conf->group, &entry, text, sizeof(text), &found) == 0 && found) {
		*out = found->gr_gid;
		return 0;
	}
	snprintf(error, room,
		 "api: group: this system has no group %s; make it (groupadd %s) or name another",
		 conf->group, conf->group);
	return -ENOENT;
}

/* Who may have the socket. It listens only after that, so no stranger slips in. */
static int hand_over(const struct conf_api *conf, gid_t group, char *error, size_t room)
{
	if (conf->group && chown(conf->socket, (uid_t)-1, group) < 0) {
		int rc = -errno;

		snprintf(
			error, room,
			"api: group: %s can't be given to the group %s: %s; only root, or a member "
			"of the group, can",
			conf->socket, conf->group, strerror(-rc));
		return rc;
	}
	return chmod(conf->socket, (mode_t)api_socket_mode(conf)) < 0 ? -errno : 0;
}

int api_listen_unix(const struct conf_api *conf, gid_t *group, char *error, size_t room)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, rc = api_socket_free(conf->socket, error, room);

	if (rc == 0)
		rc = socket_group(conf, group, error, room);
	if (rc < 0)
		return rc;
	strcpy(address.sun_path, conf->socket);
	make_folder(conf->socket);
	unlink(conf->socket);
	error[0] = '\0';
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	if (rc == 0)
		rc = hand_over(conf, *group, error, room);
	if (rc == 0 && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	if (!error[0])
		snprintf(error, room, "api: socket: can't listen at %s: %s", conf->socket,
			 strerror(-rc));
	if (fd >= 0)
		close(fd);
	return rc;
}

int api_listen_tcp(const struct netaddr *address, char *error, size_t room)
{
	char text[NETADDR_TEXT];
	int one = 1, rc = 0;
	int fd = socket(netaddr_family(address), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, &address->u.sa, netaddr_len(address)) < 0 || listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	snprintf(error, room, "api: listen: can't listen at %s: %s", netaddr_text(address, text),
		 strerror(-rc));
	if (fd >= 0)
		close(fd);
	return rc;
}
