/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking the daemon, and taking its answers apart for people. */
#include "gateway/gwctl_private.h"

#include "gateway/api.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define TEXTS 16
#define TEXT_ROOM 480

int gwctl_complain(struct gwctl *g, int exit, const char *code, const char *format, ...)
{
	char text[1024];
	va_list args;
	json_t *json;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!g->json) {
		fprintf(g->io->err, "gwctl: %s\n", text);
		return exit;
	}
	json = json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", text);
	if (json)
		json_dumpf(json, g->io->err, JSON_COMPACT);
	fputc('\n', g->io->err);
	json_decref(json);
	return exit;
}

bool gwctl_printed_json(struct gwctl *g, const json_t *json)
{
	if (!g->json)
		return false;
	json_dumpf(json, g->out, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
	fputc('\n', g->out);
	return true;
}

const char *gwctl_escape(const char *text, char *out, size_t room)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t used = 0;

	for (; *text && used + 4 < room; text++) {
		if (strchr(plain, *text))
			out[used++] = *text;
		else
			used += (size_t)snprintf(out + used, room - used, "%%%02X", (unsigned char)*text);
	}
	out[used] = '\0';
	return out;
}

/* The daemon can't be reached: what is wrong, and what to do. */
static int complain_of_socket(struct gwctl *g, int error)
{
	switch (error) {
	case -ENOENT:
		return gwctl_complain(g, GWCTL_NO_DAEMON, "no-daemon", "gatewayd is not running: there is no socket %s "
				      "(start it with `systemctl start gatewayd`, or name its socket with --socket)",
				      g->socket);
	case -ECONNREFUSED:
		return gwctl_complain(g, GWCTL_NO_DAEMON, "no-daemon", "gatewayd is not running: nobody listens at %s "
				      "(start it with `systemctl start gatewayd`)", g->socket);
	case -ENOTSOCK:
		return gwctl_complain(g, GWCTL_NO_DAEMON, "no-socket", "%s is no socket; gatewayd's is what `api: socket:` of "
				      "its gateway.yaml names", g->socket);
	case -ENAMETOOLONG:
		return gwctl_complain(g, GWCTL_NO_DAEMON, "no-socket", "the path %.40s… is too long for a socket (107 "
				      "characters at most)", g->socket);
	case -EACCES:
	case -EPERM:
		return gwctl_complain(g, GWCTL_NO_DAEMON, "not-allowed", "you may not use the socket %s (be root, or in "
				      "the group that owns it)", g->socket);
	case -ECONNRESET:
		return gwctl_complain(g, GWCTL_FAILED, "failed", "gatewayd at %s ended while it was asked; is it being "
				      "stopped?", g->socket);
	case -EPROTO:
		return gwctl_complain(g, GWCTL_FAILED, "failed", "what answers at %s is not gatewayd", g->socket);
	case -ETIMEDOUT:
		return gwctl_complain(g, GWCTL_FAILED, "timeout", "gatewayd at %s does not answer; its log says why",
				      g->socket);
	default:
		return gwctl_complain(g, GWCTL_FAILED, "failed", "asking gatewayd at %s failed: %s", g->socket,
				      strerror(-error));
	}
}

static int complain_of_answer(struct gwctl *g, const struct gwctl_answer *answer)
{
	const json_t *error = json_object_get(answer->json, "error");
	int exit = answer->status == 404 ? GWCTL_NOT_FOUND : answer->status < 500 ? GWCTL_USAGE : GWCTL_FAILED;

	if (!error)
		return gwctl_complain(g, GWCTL_FAILED, "failed", "what answers at %s is not gatewayd (HTTP status %u)",
				      g->socket, answer->status);
	return gwctl_complain(g, exit, gwctl_text(error, "code"), "%s", gwctl_text(error, "message"));
}

int gwctl_ask(struct gwctl *g, const char *method, json_t **out, const char *format, ...)
{
	struct gwctl_answer answer = { 0 };
	char path[1024] = API_PREFIX;
	va_list args;
	int rc;

	va_start(args, format);
	vsnprintf(path + strlen(path), sizeof(path) - strlen(path), format, args);
	va_end(args);
	rc = g->io->fetch(g->io->arg, g->socket, method, path, &answer);
	if (rc < 0)
		return complain_of_socket(g, rc);
	if (answer.status >= 200 && answer.status < 300 && answer.json) {
		*out = answer.json;
		return GWCTL_DONE;
	}
	rc = complain_of_answer(g, &answer);
	json_decref(answer.json);
	return rc;
}

/* ---- Values for people ---- */

static char *next_text(void)
{
	static _Thread_local char texts[TEXTS][TEXT_ROOM];
	static _Thread_local unsigned turn;

	return texts[turn++ % TEXTS];
}

const char *gwctl_text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	char *text = next_text();

	snprintf(text, TEXT_ROOM, "%s", value ? value : "-");
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* C1 in UTF-8: U+009B is another ESC [ */
			c[0] = c[1] = '?';
	}
	return text;
}

long long gwctl_integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *gwctl_duration(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	double ms = json_number_value(value);
	long long s = (long long)(ms / 1000);
	char *text = next_text();

	if (!json_is_number(value))
		snprintf(text, TEXT_ROOM, "-");
	else if (ms < 1000)
		snprintf(text, TEXT_ROOM, "%.0f ms", ms);
	else if (s < 60)
		snprintf(text, TEXT_ROOM, "%.1f s", ms / 1000);
	else if (s < 3600)
		snprintf(text, TEXT_ROOM, "%lld:%02lld", s / 60, s % 60);
	else
		snprintf(text, TEXT_ROOM, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
	return text;
}

const char *gwctl_time(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	char *text = next_text();

	snprintf(text, TEXT_ROOM, "%.19s", value ? value : "-");
	if (strlen(text) == 19)
		text[10] = ' ';
	return text;
}

const char *gwctl_number(const json_t *object, const char *key)
{
	const json_t *number = json_object_get(object, key);
	const char *type = gwctl_text(number, "type"), *presentation = gwctl_text(number, "presentation");
	char *text = next_text();

	if (!json_is_object(number))
		snprintf(text, TEXT_ROOM, "-");
	else
		snprintf(text, TEXT_ROOM, "%.128s (%.32s%s%.32s)", gwctl_text(number, "digits"), type,
			 strcmp(presentation, "allowed") ? ", " : "",
			 strcmp(presentation, "allowed") ? presentation : "");
	return text;
}
