/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/mem.h"
#include "gateway/gwctl.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BODY_MAX (64u << 20)
#define TIMEOUT_S 15 /* the daemon's own patience is shorter */

struct body {
	char *text;
	size_t length, room;
};

static size_t take(char *octets, size_t size, size_t count, void *arg)
{
	struct body *body = arg;
	size_t n = size * count;

	if (body->length + n + 1 > body->room) {
		size_t room = 2 * (body->length + n + 1);
		char *text = room > BODY_MAX ? NULL : mem_realloc(body->text, room);

		if (!text)
			return 0;
		body->text = text;
		body->room = room;
	}
	memcpy(body->text + body->length, octets, n);
	body->length += n;
	return n;
}

/* libcurl only says that it could not connect. */
static int why_no_connection(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat there;
	int fd, rc = 0;

	if (stat(path, &there) == 0 && !S_ISSOCK(there.st_mode))
		return -ENOTSOCK; /* connect() would say that it is refused */
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		rc = errno == ENOTDIR ? -ENOENT : -errno;
	if (fd >= 0)
		close(fd);
	return rc ? rc : -EIO;
}

static int result_of(CURLcode code, const char *socket)
{
	switch ((int)code) {
	case CURLE_OK:
		return 0;
	case CURLE_COULDNT_CONNECT:
		return why_no_connection(socket);
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return -ECONNRESET;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_WRITE_ERROR:
		return -ENOMEM;
	default:
		return -EPROTO;
	}
}

static void set_up(CURL *curl, const char *socket, const char *method, const char *url, struct body *body)
{
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
}

int gwctl_fetch(void *arg, const char *socket, const char *method, const char *path, struct gwctl_answer *answer)
{
	struct body body = { 0 };
	CURL *curl = curl_easy_init();
	char url[1200];
	long status = 0;
	int rc;

	(void)arg;
	if (!curl)
		return -ENOMEM;
	if (strlen(socket) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		curl_easy_cleanup(curl);
		return -ENAMETOOLONG;
	}
	snprintf(url, sizeof(url), "http://gatewayd%s", path);
	set_up(curl, socket, method, url, &body);
	rc = result_of(curl_easy_perform(curl), socket);
	if (rc == 0) {
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
		answer->status = (unsigned)status;
		answer->json = json_loadb(body.text ? body.text : "", body.length, 0, NULL);
	}
	mem_free(body.text);
	curl_easy_cleanup(curl);
	return rc;
}
