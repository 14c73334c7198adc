/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of endpoints, and what was asked for in a request. docs/api.yaml describes each. */
#include "gateway/api_private.h"

#include "base/mem.h"
#include "conf/suggest.h"
#include "gateway/inspect.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 200, BAD_REQUEST = 400, NOT_FOUND = 404, BAD_METHOD = 405, FAILED = 500 };

#define CHANGE "dry-run if-revision"

static const struct api_endpoint endpoints[] = {
	{ "GET", "status", NULL, CONF_READ, API_NO_BODY, api_live_status, api_serve_status },
	{ "GET", "calls", "finished", CONF_READ, API_NO_BODY, api_live_calls, NULL },
	{ "GET", "calls/*", NULL, CONF_READ, API_NO_BODY, api_live_call, NULL },
	{ "DELETE", "calls/*", NULL, CONF_OPERATE, API_NO_BODY, api_live_hangup, NULL },
	{ "GET", "calls/*/trace", NULL, CONF_READ, API_NO_BODY, api_live_trace, NULL },
	{ "GET", "spans", NULL, CONF_READ, API_NO_BODY, api_live_spans, NULL },
	{ "GET", "spans/*", NULL, CONF_READ, API_NO_BODY, api_live_span, NULL },
	{ "POST", "spans/*/enable", NULL, CONF_OPERATE, API_NO_BODY, api_live_span_enable,
	  api_serve_switched },
	{ "POST", "spans/*/disable", "now", CONF_OPERATE, API_NO_BODY, api_live_span_disable,
	  api_serve_switched },
	{ "POST", "spans/*/drain", NULL, CONF_OPERATE, API_NO_BODY, api_live_span_disable,
	  api_serve_switched },
	{ "GET", "trunks", NULL, CONF_READ, API_NO_BODY, api_live_trunks, NULL },
	{ "GET", "trunks/*", NULL, CONF_READ, API_NO_BODY, api_live_trunk, NULL },
	{ "POST", "trunks/*/enable", NULL, CONF_OPERATE, API_NO_BODY, api_live_trunk_enable,
	  api_serve_switched },
	{ "POST", "trunks/*/disable", "now", CONF_OPERATE, API_NO_BODY, api_live_trunk_disable,
	  api_serve_switched },
	{ "GET", "route-test", "number from calling type", CONF_READ, API_NO_BODY,
	  api_live_route_test, NULL },

	{ "GET", "tables/*", "parent", CONF_READ, API_NO_BODY, NULL, api_tables_list },
	{ "POST", "tables/*", CHANGE, CONF_ADMIN, API_JSON, NULL, api_tables_add },
	{ "GET", "tables/*/*", NULL, CONF_READ, API_NO_BODY, NULL, api_tables_show },
	{ "PATCH", "tables/*/*", CHANGE, CONF_ADMIN, API_JSON, NULL, api_tables_set },
	{ "PUT", "tables/*/*", CHANGE, CONF_ADMIN, API_JSON, NULL, api_tables_put },
	{ "DELETE", "tables/*/*", CHANGE, CONF_ADMIN, API_NO_BODY, NULL, api_tables_delete },
	{ "POST", "tables/*/*/move", CHANGE, CONF_ADMIN, API_JSON, NULL, api_tables_move },
	{ "POST", "tables/*/*/rename", CHANGE, CONF_ADMIN, API_JSON, NULL, api_tables_rename },
	{ "GET", "export", NULL, CONF_READ, API_NO_BODY, NULL, api_tables_export },
	{ "POST", "apply", CHANGE, CONF_ADMIN, API_TABLES, NULL, api_tables_apply },
	{ "GET", "history", "before limit", CONF_READ, API_NO_BODY, NULL, api_history_list },
	{ "GET", "history/*", NULL, CONF_READ, API_NO_BODY, NULL, api_history_show },
	{ "POST", "rollback/*", CHANGE, CONF_ADMIN, API_NO_BODY, NULL, api_history_rollback },

	{ "GET", "cdrs", "since until number endpoint cause answered before limit", CONF_READ,
	  API_NO_BODY, NULL, api_cdrs_list },
	{ "GET", "cdrs/*", NULL, CONF_READ, API_NO_BODY, NULL, api_cdrs_show },

	{ "POST", "config/check", NULL, CONF_READ, API_NO_BODY, NULL, api_config_check },
	{ "GET", "config/diff", NULL, CONF_READ, API_NO_BODY, NULL, api_config_diff },
	{ "POST", "config/reload", "now", CONF_ADMIN, API_NO_BODY, NULL, api_config_reload },

	{ "GET", "store", NULL, CONF_READ, API_NO_BODY, NULL, api_store_show },
	{ "POST", "store/backup", NULL, CONF_ADMIN, API_JSON, NULL, api_store_backup },
	{ "POST", "store/restore", NULL, CONF_ADMIN, API_JSON, NULL, api_store_restore },
	{ "POST", "store/migrate", NULL, CONF_ADMIN, API_NO_BODY, NULL, api_store_migrate },
};
#define ENDPOINTS (sizeof(endpoints) / sizeof(endpoints[0]))

const struct api_endpoint *api_endpoint_at(size_t i)
{
	return i < ENDPOINTS ? &endpoints[i] : NULL;
}

/* ---- Answers ---- */

void api_refuse(struct api_reply *reply, unsigned status, const char *code, const char *format, ...)
{
	char message[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	api_reply_free(reply);
	reply->status = status;
	reply->body = json_pack("{s:{s:s, s:o}}", "error", "code", code, "message",
				inspect_text(message));
}

void api_refuse_faults(struct api_reply *reply, unsigned status, const char *code,
		       const char *message, const char *faults)
{
	json_t *list = json_array();

	for (const char *line = faults; line && *line;) {
		size_t length = strcspn(line, "\n");

		if (length)
			json_array_append_new(list, inspect_textn(line, length));
		line += length + (line[length] == '\n');
	}
	api_refuse(reply, status, code, "%s", message);
	if (json_object_set_new(json_object_get(reply->body, "error"), "faults", list)) {
		json_decref(reply->body);
		reply->body = NULL;
	}
}

void api_answer(struct api_reply *reply, json_t *body)
{
	api_reply_free(reply);
	reply->status = body ? OK : FAILED;
	reply->body = body;
}

void api_reply_free(struct api_reply *reply)
{
	json_decref(reply->body);
	mem_free(reply->text);
	*reply = (struct api_reply){ 0 };
}

/* ---- What was asked ---- */

const char *api_argument(const struct api_query *query, const char *key)
{
	for (size_t i = 0; i < query->argument_count; i++)
		if (strcmp(query->arguments[i].key, key) == 0)
			return query->arguments[i].value;
	return "";
}

bool api_flag(const struct api_query *query, const char *key)
{
	for (size_t i = 0; i < query->argument_count; i++) {
		const char *value = query->arguments[i].value;

		if (strcmp(query->arguments[i].key, key) == 0)
			return !*value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
	}
	return false;
}

bool api_number(const struct api_query *query, const char *key, int64_t range[2], int64_t *out,
		struct api_reply *reply)
{
	const char *text = api_argument(query, key);
	char *end;
	long long n;

	if (!*text)
		return true;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno == 0 && *end == '\0' && n >= range[0] && n <= range[1]) {
		*out = n;
		return true;
	}
	api_refuse(reply, BAD_REQUEST, "bad-argument",
		   "%s=%s is not understood; a whole number from %lld to %lld is accepted", key,
		   text, (long long)range[0], (long long)range[1]);
	return false;
}

json_t *api_object(const struct api_query *query, struct api_reply *reply)
{
	json_error_t error;
	json_t *object;

	if (!query->length) {
		api_refuse(reply, BAD_REQUEST, "no-body", "%s needs a body: a JSON object",
			   query->what);
		return NULL;
	}
	object = json_loadb(query->body, query->length, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(object))
		return object;
	if (object)
		api_refuse(reply, BAD_REQUEST, "bad-body", "the body is no JSON object: {…}");
	else
		api_refuse(reply, BAD_REQUEST, "bad-body",
			   "the body is no JSON: line %d, column %d: %s", error.line, error.column,
			   error.text);
	json_decref(object);
	return NULL;
}

bool api_member(const json_t *object, const char *key, const char **out, struct api_reply *reply)
{
	const json_t *value = json_object_get(object, key);

	*out = json_string_value(value);
	if (!value || *out)
		return true;
	api_refuse(reply, BAD_REQUEST, "bad-body", "\"%s\" of the body is no text", key);
	return false;
}

/* ---- Finding ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Databases and JSON take UTF-8 alone. */
static bool is_utf8(const char *text)
{
	json_t *value = json_string(text);

	json_decref(value);
	return value != NULL;
}

bool api_decode(char *out, size_t room, const char *text, size_t length)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		int c = (unsigned char)text[i];

		if (c == '%' && i + 2 < length && hex_value(text[i + 1]) >= 0 &&
		    hex_value(text[i + 2]) >= 0) {
			c = hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]);
			i += 2;
		}
		if (c == '\0' || used + 1 >= room)
			return false;
		out[used++] = (char)c;
	}
	out[used] = '\0';
	return is_utf8(out);
}

/* Does the path fit? Segments in the places of * go into `names`. */
static bool fits(const char *pattern, const char *path, char names[2][API_NAME])
{
	size_t name = 0;

	while (*pattern) {
		size_t n = strcspn(path, "/");

		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		if (n == 0 || !api_decode(names[name++], API_NAME, path, n))
			return false;
		pattern++;
		path += n;
	}
	return *path == '\0';
}

bool api_find(struct api_query *query, struct api_reply *reply)
{
	char methods[64] = "";
	char names[2][API_NAME] = { 0 };

	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (!fits(endpoints[i].path, query->path, names))
			continue;
		if (strcmp(endpoints[i].method, query->method) == 0) {
			query->endpoint = &endpoints[i];
			memcpy(query->names, names, sizeof(names));
			return true;
		}
		snprintf(methods + strlen(methods), sizeof(methods) - strlen(methods), "%s%s",
			 methods[0] ? ", " : "", endpoints[i].method);
	}
	if (methods[0])
		api_refuse(reply, BAD_METHOD, "bad-method", "%s is not possible here, but %s is",
			   query->method, methods);
	else
		api_refuse(reply, NOT_FOUND, "no-such-path",
			   "there is no %s; docs/api.yaml describes what there is", query->path);
	return false;
}

/* ---- Arguments ---- */

struct words {
	char text[8][32];
	size_t count;
};

static struct words split(const char *text)
{
	struct words words = { .count = 0 };

	while (text && *text && words.count < 8) {
		size_t n = strcspn(text, " ");

		snprintf(words.text[words.count++], sizeof(words.text[0]), "%.*s", (int)n, text);
		text += n + (text[n] == ' ');
	}
	return words;
}

/* One that is meant as yes must not be taken for no: nothing of a dry run is stored. */
static bool is_good_flag(const struct api_argument *argument, struct api_reply *reply)
{
	static const char *const flags[] = { "dry-run", "now", "finished" };
	static const char *const values[] = { "", "true", "1", "false", "0" };
	bool is_flag = false;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		is_flag = is_flag || strcmp(flags[i], argument->key) == 0;
	for (size_t i = 0; is_flag && i < sizeof(values) / sizeof(values[0]); i++)
		if (strcmp(values[i], argument->value) == 0)
			return true;
	if (is_flag)
		api_refuse(reply, BAD_REQUEST, "bad-argument",
			   "%s=%s is not understood; true and false are accepted", argument->key,
			   argument->value);
	return !is_flag;
}

static const char *word_at(const void *list, size_t i)
{
	const struct words *words = list;

	return i < words->count ? words->text[i] : NULL;
}

/* An argument that nobody knows may be a dry-run that was written dryrun: it must not be passed
 * over. */
bool api_check_arguments(const struct api_query *query, struct api_reply *reply)
{
	struct words words = split(query->endpoint->arguments);
	char list[256];

	for (size_t i = 0; i < query->argument_count; i++) {
		const char *key = query->arguments[i].key;
		bool known = false;

		for (size_t k = 0; k < words.count; k++)
			known = known || strcmp(words.text[k], key) == 0;
		if (known && !is_good_flag(&query->arguments[i], reply))
			return false;
		if (known)
			continue;
		if (words.count)
			api_refuse(reply, BAD_REQUEST, "bad-argument",
				   "%s is no argument here; accepted: %s", key,
				   suggest_list(list, sizeof(list), word_at, &words));
		else
			api_refuse(reply, BAD_REQUEST, "bad-argument",
				   "%s is no argument here; there are none", key);
		return false;
	}
	return true;
}
