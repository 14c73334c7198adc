/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking the daemon, and what is said when it does not answer as it should. */
#include "gateway/gwctl_private.h"

#include "base/mem.h"
#include "gateway/api.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The daemon's own patience (API_PATIENCE_MS, API_LONG_MS) and some. */
#define SHORT_MS 15000
#define LONG_MS (API_LONG_MS + 10000)

/* ---- Complaints ---- */

static int complain_with(struct gwctl *g, int exit, const char *code, const char *text,
			 const json_t *faults)
{
	json_t *json;

	if (g->quiet)
		return exit;
	if (!g->json) {
		fprintf(g->io->err, "gwctl: %s\n", text);
		return exit;
	}
	json = json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", text);
	if (json && json_array_size(faults))
		json_object_set(json_object_get(json, "error"), "faults", (json_t *)faults);
	if (json)
		json_dumpf(json, g->io->err, JSON_COMPACT);
	fputc('\n', g->io->err);
	json_decref(json);
	return exit;
}

int gwctl_complain(struct gwctl *g, int exit, const char *code, const char *format, ...)
{
	char text[1400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return complain_with(g, exit, code, text, NULL);
}

int gwctl_out_of_memory(struct gwctl *g)
{
	return gwctl_complain(g, GWCTL_FAILED, "no-memory", "out of memory");
}

/* "the group causeway", of the socket; "" when it can't be seen. */
static const char *group_of_socket(const char *path, char *out, size_t room)
{
	struct stat there;
	struct group *group;

	out[0] = '\0';
	if (stat(path, &there) || !(there.st_mode & S_IWGRP) || there.st_gid == 0)
		return out;
	group = getgrgid(there.st_gid);
	if (group)
		snprintf(out, room, "%s", group->gr_name);
	return out;
}

static int complain_of_permission(struct gwctl *g)
{
	char group[64];

	if (group_of_socket(g->socket, group, sizeof(group))[0])
		return gwctl_complain(g, GWCTL_NO_DAEMON, "not-allowed",
				      "you may not use the socket %s: be root, or join its group "
				      "(`usermod -aG %s $USER`, then log in anew)",
				      g->socket, group);
	return gwctl_complain(g, GWCTL_NO_DAEMON, "not-allowed",
			      "you may not use the socket %s: be root, or let `api: group:` of its "
			      "gateway.yaml name a group that you are in",
			      g->socket);
}

/* The daemon can't be reached: what is wrong, and what to do. */
static int complain_of_socket(struct gwctl *g, int error)
{
	switch (error) {
	case -ENOENT:
		return gwctl_complain(
			g, GWCTL_NO_DAEMON, "no-daemon",
			"gatewayd is not running: there is "
			"no socket %s (start it with `systemctl start causeway`, or name "
			"its socket with --socket)",
			g->socket);
	case -ECONNREFUSED:
		return gwctl_complain(g, GWCTL_NO_DAEMON, "no-daemon",
				      "gatewayd is not running: nobody "
				      "listens at %s (start it with `systemctl start causeway`)",
				      g->socket);
	case -ENOTSOCK:
		return gwctl_complain(g, GWCTL_NO_DAEMON, "no-socket",
				      "%s is no socket; gatewayd's is "
				      "what `api: socket:` of its gateway.yaml names",
				      g->socket);
	case -ENAMETOOLONG:
		return gwctl_complain(g, GWCTL_NO_DAEMON, "no-socket",
				      "the path %.40s… is too long for a "
				      "socket (107 characters at most)",
				      g->socket);
	case -EACCES:
	case -EPERM:
		return complain_of_permission(g);
	case -ECONNRESET:
		return gwctl_complain(g, GWCTL_FAILED, "failed",
				      "gatewayd at %s ended while it was asked; "
				      "is it being stopped?",
				      g->socket);
	case -EPROTO:
		return gwctl_complain(g, GWCTL_FAILED, "failed",
				      "what answers at %s is not gatewayd", g->socket);
	case -EAGAIN:
		return gwctl_complain(g, GWCTL_FAILED, "busy",
				      "gatewayd at %s is busy: too many ask at "
				      "once; try again",
				      g->socket);
	case -ETIMEDOUT:
		return gwctl_complain(g, GWCTL_FAILED, "timeout",
				      "gatewayd at %s does not answer: it is "
				      "busy or stuck, its log says why (`journalctl -u causeway`)",
				      g->socket);
	default:
		return gwctl_complain(g, GWCTL_FAILED, "failed", "asking gatewayd at %s failed: %s",
				      g->socket, strerror(-error));
	}
}

/* ---- Versions ---- */

static int fetch(struct gwctl *g, struct gwctl_request *request, struct gwctl_answer *answer)
{
	request->socket = g->socket;
	request->token = g->io->token;
	request->command = g->line;
	if (!request->timeout_ms)
		request->timeout_ms = g->timeout_ms ? g->timeout_ms : SHORT_MS;
	return g->io->fetch(g->io->arg, request, answer);
}

/* gatewayd's, "" when it does not tell. */
static void ask_version(struct gwctl *g, char *out, size_t room)
{
	struct gwctl_request request = { .method = "GET", .path = API_PREFIX "status" };
	struct gwctl_answer answer = { 0 };
	json_t *status;

	out[0] = '\0';
	if (fetch(g, &request, &answer) < 0)
		return;
	status = answer.text ? json_loadb(answer.text, answer.length, 0, NULL) : NULL;
	if (json_is_string(json_object_get(status, "version")))
		snprintf(out, room, "%s", gwctl_text(status, "version"));
	json_decref(status);
	mem_free(answer.text);
}

/* Something of the API isn't there, or is not as it should be. */
static int complain_of_version(struct gwctl *g, const char *what)
{
	char version[64];

	ask_version(g, version, sizeof(version));
	if (!version[0])
		return gwctl_complain(g, GWCTL_FAILED, "other-version",
				      "%s; what answers at %s is not "
				      "gatewayd, or of a version that gwctl %s does not know",
				      what, g->socket, CAUSEWAY_VERSION);
	if (strcmp(version, CAUSEWAY_VERSION) == 0)
		return gwctl_complain(g, GWCTL_FAILED, "failed",
				      "%s, though gatewayd and gwctl are both "
				      "of version %s",
				      what, version);
	return gwctl_complain(
		g, GWCTL_FAILED, "other-version",
		"%s: gatewayd is version %s, this gwctl "
		"%s; use the gwctl that came with it, or restart gatewayd after an update",
		what, version, CAUSEWAY_VERSION);
}

int gwctl_need(struct gwctl *g, const json_t *answer, const char *key)
{
	char what[120];

	if (json_object_get(answer, key))
		return GWCTL_DONE;
	snprintf(what, sizeof(what), "gatewayd's answer has no \"%s\"", key);
	return complain_of_version(g, what);
}

/* ---- Answers ---- */

static int exit_of_status(unsigned status)
{
	static const struct {
		unsigned status;
		int exit;
	} rows[] = {
		{ 401, GWCTL_NOT_ALLOWED },
		{ 403, GWCTL_NOT_ALLOWED },
		{ 404, GWCTL_NOT_FOUND },
		{ 409, GWCTL_CONFLICT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].exit;
	return status < 500 ? GWCTL_USAGE : GWCTL_FAILED;
}

/* "12:3: …" of the file that was sent. */
static bool placed(const struct gwctl *g, const char *fault)
{
	size_t digits = fault ? strspn(fault, "0123456789") : 0;

	return g->file && digits && fault[digits] == ':';
}

/* Several faults: one on each line. */
static void print_faults(struct gwctl *g, const json_t *faults)
{
	size_t i;
	json_t *fault;

	json_array_foreach(faults, i, fault) {
		char *text = gwctl_plain_whole(fault);

		g->no_memory = g->no_memory || !text;
		fprintf(g->io->err, "  %s%s%s\n", placed(g, text) ? g->file : "",
			placed(g, text) ? ":" : "", text ? text : "…");
		mem_free(text);
	}
}

static int complain_of_refusal(struct gwctl *g, unsigned status, const json_t *error)
{
	const json_t *faults = json_object_get(error, "faults");
	char *code = mem_strdup(gwctl_text(error, "code"));
	char *message = gwctl_plain_whole(json_object_get(error, "message"));
	int rc;

	if (!code || !message)
		rc = gwctl_out_of_memory(g);
	else if (placed(g, message) && !g->json)
		rc = gwctl_complain(g, exit_of_status(status), code, "%s:%s", g->file, message);
	else
		rc = complain_with(g, exit_of_status(status), code, message, faults);
	if (code && message && !g->json && !g->quiet && json_array_size(faults) > 1)
		print_faults(g, faults);
	if (g->no_memory && rc != GWCTL_FAILED)
		rc = gwctl_out_of_memory(g);
	mem_free(code);
	mem_free(message);
	return rc;
}

static int complain_of_answer(struct gwctl *g, const struct gwctl_answer *answer,
			      const struct gwctl_request *request)
{
	json_t *json = answer->text ? json_loadb(answer->text, answer->length, 0, NULL) : NULL;
	const json_t *error = json_object_get(json, "error");
	const char *code = json_string_value(json_object_get(error, "code"));
	int rc;

	if (g->quiet)
		rc = GWCTL_FAILED;
	else if (!error && answer->status == 503)
		rc = gwctl_complain(g, GWCTL_FAILED, "busy", "gatewayd at %s is busy; try again",
				    g->socket);
	else if (!error)
		rc = gwctl_complain(g, GWCTL_FAILED, "failed",
				    "what answers at %s is not gatewayd (HTTP status %u)",
				    g->socket, answer->status);
	else if (code && (strcmp(code, "no-such-path") == 0 || strcmp(code, "bad-method") == 0)) {
		char what[300];

		snprintf(what, sizeof(what), "gatewayd does not know %s %.*s", request->method,
			 (int)strcspn(request->path, "?"), request->path);
		rc = complain_of_version(g, what);
	} else
		rc = complain_of_refusal(g, answer->status, error);
	json_decref(json);
	return rc;
}

/* The text of a good answer, for the caller. */
static int ask(struct gwctl *g, struct gwctl_request *request, struct gwctl_answer *answer)
{
	int rc = fetch(g, request, answer);

	g->gone = rc < 0;
	if (rc == -ENOMEM)
		return gwctl_out_of_memory(g);
	if (rc < 0)
		return complain_of_socket(g, rc);
	if (answer->status >= 200 && answer->status < 300)
		return GWCTL_DONE;
	rc = complain_of_answer(g, answer, request);
	mem_free(answer->text);
	answer->text = NULL;
	return rc;
}

static int ask_json(struct gwctl *g, struct gwctl_request *request, json_t **out)
{
	struct gwctl_answer answer = { 0 };
	int rc = ask(g, request, &answer);

	if (rc)
		return rc;
	*out = answer.text ? json_loadb(answer.text, answer.length, 0, NULL) : NULL;
	mem_free(answer.text);
	if (json_is_object(*out))
		return GWCTL_DONE;
	json_decref(*out);
	*out = NULL;
	return gwctl_complain(g, GWCTL_FAILED, "failed", "what answers at %s is not gatewayd",
			      g->socket);
}

int gwctl_ask(struct gwctl *g, const char *method, json_t **out, const char *format, ...)
{
	struct gwctl_request request = { .method = method };
	char path[3000] = API_PREFIX;
	va_list args;

	va_start(args, format);
	vsnprintf(path + strlen(path), sizeof(path) - strlen(path), format, args);
	va_end(args);
	request.path = path;
	return ask_json(g, &request, out);
}

int gwctl_ask_text(struct gwctl *g, const char *path, char **out, size_t *length)
{
	struct gwctl_request request = { .method = "GET" };
	struct gwctl_answer answer = { 0 };
	char whole[200];
	int rc;

	snprintf(whole, sizeof(whole), API_PREFIX "%s", path);
	request.path = whole;
	rc = ask(g, &request, &answer);
	*out = answer.text;
	*length = answer.length;
	return rc;
}

/* "?a&b" of what is given. */
static void add_argument(char *path, size_t room, const char *text)
{
	size_t used = strlen(path);

	snprintf(path + used, room - used, "%c%s", strchr(path, '?') ? '&' : '?', text);
}

static int add_arguments(struct gwctl *g, const struct gwctl_asking *asking, char *path,
			 size_t room)
{
	long long revision = asking->if_revision;
	int rc = GWCTL_DONE;
	char text[60];

	if (asking->more)
		add_argument(path, room, asking->more);
	if (asking->dry_run || gwctl_flag(g, "--dry-run"))
		add_argument(path, room, "dry-run=true");
	if (!revision)
		rc = gwctl_number_of(g, "--if-revision", 1, INT64_MAX, &revision);
	if (revision) {
		snprintf(text, sizeof(text), "if-revision=%lld", revision);
		add_argument(path, room, text);
	}
	return rc;
}

int gwctl_ask_for(struct gwctl *g, const struct gwctl_asking *asking, json_t **out)
{
	struct gwctl_request request = { .method = asking->method, .timeout_ms = LONG_MS };
	char *text = asking->json ? json_dumps(asking->json, JSON_COMPACT) : NULL;
	char path[3000];
	int rc;

	snprintf(path, sizeof(path), API_PREFIX "%s", asking->path);
	rc = add_arguments(g, asking, path, sizeof(path));
	request.path = path;
	request.body = text ? text : asking->text;
	request.length = text ? strlen(text) : asking->length;
	request.type = text ? "application/json" : asking->type;
	if (rc == GWCTL_DONE)
		rc = asking->json && !text ? gwctl_out_of_memory(g) : ask_json(g, &request, out);
	free(text);
	return rc;
}
