/* SPDX-License-Identifier: GPL-2.0-only */
#include "conf/store/statements.h"

#include "base/mem.h"

#include <string.h>

struct statement *statements_find(struct statements *s, const char *key)
{
	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		struct statement *each = &s->all[i];

		if (!each->key || strcmp(each->key, key) != 0)
			continue;
		each->used = ++s->turn;
		return each;
	}
	return NULL;
}

void statements_remove(struct statements *s, struct statement *statement)
{
	s->discard(s->arg, statement);
	mem_free(statement->key);
	memset(statement, 0, sizeof(*statement));
}

/* A free place, or that of the oldest. */
static struct statement *place_for_one(struct statements *s)
{
	struct statement *oldest = NULL;

	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		struct statement *each = &s->all[i];

		if (!each->key)
			return each;
		if (!each->busy && (!oldest || each->used < oldest->used))
			oldest = each;
	}
	if (oldest)
		statements_remove(s, oldest);
	return oldest;
}

struct statement *statements_add(struct statements *s, const char *key)
{
	char *copy = mem_strdup(key);
	struct statement *place = copy ? place_for_one(s) : NULL;

	if (!place) {
		mem_free(copy);
		return NULL;
	}
	*place = (struct statement){ .key = copy, .used = ++s->turn, .number = ++s->numbers };
	return place;
}

void statements_clear(struct statements *s)
{
	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		if (s->all[i].key)
			statements_remove(s, &s->all[i]);
	}
}
