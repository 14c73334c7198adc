/* SPDX-License-Identifier: GPL-2.0-only */
#include "dialplan/pattern.h"

#include "base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct pattern_engine {
	pcre2_general_context *memory;
	pcre2_compile_context *compile;
	pcre2_match_context *match;
};

struct pattern {
	const struct pattern_engine *engine;
	pcre2_code *code;
	char *text;
	struct dotnet_groups groups;
};

struct matcher {
	pcre2_match_data *data;
	unsigned count; /* groups of the last match, with group 0 */
};

static void *take(size_t size, void *arg)
{
	(void)arg;
	return mem_zalloc(size);
}

static void give(void *block, void *arg)
{
	(void)arg;
	mem_free(block);
}

int pattern_engine_create(struct pattern_engine **out)
{
	struct pattern_engine *engine = mem_zalloc(sizeof(*engine));

	if (!engine)
		return -ENOMEM;
	engine->memory = pcre2_general_context_create(take, give, NULL);
	if (!engine->memory)
		goto fail;
	engine->compile = pcre2_compile_context_create(engine->memory);
	engine->match = pcre2_match_context_create(engine->memory);
	if (!engine->compile || !engine->match)
		goto fail;
	/* "$" and "." know one line end, whatever the library was built with. */
	pcre2_set_newline(engine->compile, PCRE2_NEWLINE_LF);
	pcre2_set_match_limit(engine->match, PATTERN_MATCH_LIMIT);
	*out = engine;
	return 0;
fail:
	pattern_engine_destroy(&engine);
	return -ENOMEM;
}

void pattern_engine_destroy(struct pattern_engine **engine)
{
	if (!*engine)
		return;
	pcre2_match_context_free((*engine)->match);
	pcre2_compile_context_free((*engine)->compile);
	pcre2_general_context_free((*engine)->memory);
	mem_free(*engine);
	*engine = NULL;
}

/* PCRE2's refusals in a sentence; those that people meet get their own. */
static int explain_refusal(int code, size_t offset, char why[PATTERN_WHY])
{
	char text[128] = "";

	if (code == PCRE2_ERROR_HEAP_FAILED)
		return -ENOMEM;
	if (code == PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH)
		snprintf(text, sizeof(text), "a lookbehind of variable length is not supported");
	else
		pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
	snprintf(why, PATTERN_WHY, "at offset %zu: %s", offset, text);
	return -EINVAL;
}

int pattern_compile(struct pattern **out, struct pattern_engine *engine, const char *text,
		    char why[PATTERN_WHY])
{
	struct pattern *pattern = mem_zalloc(sizeof(*pattern));
	PCRE2_SIZE offset = 0;
	int code = 0, rc;

	if (!pattern)
		return -ENOMEM;
	pattern->engine = engine;
	rc = dotnet_scan(text, &pattern->groups, why);
	if (rc)
		goto fail;
	rc = -ENOMEM;
	pattern->text = mem_strdup(text);
	if (!pattern->text)
		goto fail;
	pattern->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &code, &offset,
				      engine->compile);
	if (!pattern->code) {
		rc = explain_refusal(code, offset, why);
		goto fail;
	}
	/* Where there is no JIT the interpreter serves. */
	(void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
	*out = pattern;
	return 0;
fail:
	pattern_destroy(&pattern);
	return rc;
}

void pattern_destroy(struct pattern **pattern)
{
	if (!*pattern)
		return;
	pcre2_code_free((*pattern)->code);
	mem_free((*pattern)->text);
	mem_free(*pattern);
	*pattern = NULL;
}

const char *pattern_text(const struct pattern *pattern)
{
	return pattern->text;
}

const struct dotnet_groups *pattern_groups(const struct pattern *pattern)
{
	return &pattern->groups;
}

int matcher_create(struct matcher **out, struct pattern_engine *engine)
{
	struct matcher *matcher = mem_zalloc(sizeof(*matcher));

	if (!matcher)
		return -ENOMEM;
	matcher->data = pcre2_match_data_create(PATTERN_GROUPS_MAX + 1, engine->memory);
	if (!matcher->data) {
		mem_free(matcher);
		return -ENOMEM;
	}
	*out = matcher;
	return 0;
}

void matcher_destroy(struct matcher **matcher)
{
	if (!*matcher)
		return;
	pcre2_match_data_free((*matcher)->data);
	mem_free(*matcher);
	*matcher = NULL;
}

int pattern_match(const struct pattern *pattern, struct matcher *matcher, const char *subject,
		  size_t length)
{
	int rc = pcre2_match(pattern->code, (PCRE2_SPTR)subject, length, 0, 0, matcher->data,
			     pattern->engine->match);

	matcher->count = rc > 0 ? (unsigned)rc : 0;
	if (rc > 0)
		return 1;
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	return rc == PCRE2_ERROR_NOMEMORY ? -ENOMEM : -ELOOP;
}

void matcher_group(const struct matcher *matcher, unsigned group, size_t *from, size_t *length)
{
	const PCRE2_SIZE *pair = pcre2_get_ovector_pointer(matcher->data) + 2 * (size_t)group;

	*from = *length = 0;
	if (group >= matcher->count || pair[0] == PCRE2_UNSET || pair[1] < pair[0])
		return;
	*from = pair[0];
	*length = pair[1] - pair[0];
}
