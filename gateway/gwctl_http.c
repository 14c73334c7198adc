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
	body->text[body->length] = '\0';
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
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		rc = errno == ENOTDIR ? -ENOENT : -errno; /* EAGAIN: its queue is full */
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

/* False: out of memory. */
static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
	char text[1024];
	struct curl_slist *longer;

	if (!value)
		return true;
	snprintf(text, sizeof(text), "%s: %s", name, value);
	longer = curl_slist_append(*list, text);
	if (longer)
		*list = longer;
	return longer != NULL;
}

static bool make_headers(struct curl_slist **list, const struct gwctl_request *request)
{
	char bearer[900];

	snprintf(bearer, sizeof(bearer), "Bearer %s", request->token ? request->token : "");
	/* Expect: a body of a megabyte is sent without first being asked for. */
	return add_header(list, "X-Causeway-Command", request->command) &&
	       add_header(list, "Authorization", request->token ? bearer : NULL) &&
	       add_header(list, "Content-Type", request->type) && add_header(list, "Expect", "");
}

static void set_up(CURL *curl, const struct gwctl_request *request, const char *url,
		   struct curl_slist *headers, struct body *body)
{
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, request->socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	if (request->body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
}

static int perform(CURL *curl, const struct gwctl_request *request, struct gwctl_answer *answer)
{
	struct curl_slist *headers = NULL;
	struct body body = { 0 };
	char url[3200];
	long status = 0;
	int rc = -ENOMEM;

	snprintf(url, sizeof(url), "http://gatewayd%s", request->path);
	if (make_headers(&headers, request)) {
		set_up(curl, request, url, headers, &body);
		rc = result_of(curl_easy_perform(curl), request->socket);
	}
	curl_slist_free_all(headers);
	if (rc < 0) {
		mem_free(body.text);
		return rc;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	*answer = (struct gwctl_answer){ (unsigned)status, body.text, body.length };
	return 0;
}

int gwctl_fetch(void *arg, const struct gwctl_request *request, struct gwctl_answer *answer)
{
	CURL *curl;
	int rc;

	(void)arg;
	if (strlen(request->socket) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return -ENAMETOOLONG;
	curl = curl_easy_init();
	if (!curl)
		return -ENOMEM;
	rc = perform(curl, request, answer);
	curl_easy_cleanup(curl);
	return rc;
}
