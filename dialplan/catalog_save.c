/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between two catalogs, written into the store as one change. The store's positions
 * are its own: a new or moved object gets one between those of its neighbours, and the others keep
 * theirs. When there is none left between two neighbours, those around them are moved apart. */
#include "dialplan/catalog_store.h"
#include "dialplan/catalog_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Of an object of the list at work. */
struct place {
	int64_t position;
	bool kept;    /* has a position in the store */
	bool known;   /* and `position` is it, or will be */
	bool renewed; /* but gets another */
};

struct save {
	struct catalog_walk walk;
	struct store_db *db;
	int64_t revision, ordinal;
	/* The list at work. */
	const char *kind, *parent;
	const struct catalog_list *to;
	struct catalog_pairing pairing;
	struct place *places; /* of `to` */
};

/* ---- Rows ---- */

/* Parameters 1 to 3 are the object's key everywhere. */
#define KEY " WHERE kind = $1 AND parent = $2 AND name = $3"

/* What is there goes into the change as it was before. */
static const char log_delete[] =
	"INSERT INTO change_object (revision, ordinal, kind, parent, name, body_before, "
	"position_before, moved) "
	"SELECT CAST($4 AS BIGINT), CAST($5 AS BIGINT), kind, parent, name, body, position, 0 "
	"FROM object" KEY;
static const char log_update[] =
	"INSERT INTO change_object (revision, ordinal, kind, parent, name, body_before, "
	"position_before, position_after, body_after, moved) "
	"SELECT CAST($6 AS BIGINT), CAST($7 AS BIGINT), kind, parent, name, body, position, "
	"CAST($4 AS BIGINT), CAST($5 AS TEXT), CAST($8 AS BIGINT) FROM object" KEY;
static const char log_insert[] =
	"INSERT INTO change_object (kind, parent, name, position_after, body_after, revision, "
	"ordinal, moved) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)";
static const char delete_row[] = "DELETE FROM object" KEY;
static const char update_row[] = "UPDATE object SET position = $4, body = $5" KEY;
static const char insert_row[] = "INSERT INTO object (kind, parent, name, position, body) "
				 "VALUES ($1, $2, $3, $4, $5)";
static const char select_position[] = "SELECT position FROM object" KEY;
static const char select_positions[] = "SELECT name, position FROM object "
				       "WHERE kind = $1 AND parent = $2";
static const char insert_change[] =
	"INSERT INTO change (revision, at, who, origin, what) VALUES ($1, $2, $3, $4, $5) "
	"ON CONFLICT DO NOTHING";

static int row_exec(const struct save *s, const char *sql, const char *name,
		    const struct store_value *more, size_t count)
{
	struct store_value values[8] = { store_text(s->kind), store_text(s->parent),
					 store_text(name) };
	int rc;

	for (size_t i = 0; i < count; i++)
		values[3 + i] = more[i];
	rc = store_exec(s->db, sql, values, count + 3);
	/* An object that isn't there, or is: the store isn't what we came from. */
	if (rc == 0 || rc == -EEXIST)
		return -ESTALE;
	return rc < 0 ? rc : 0;
}

static int delete_object(struct save *s, const char *name)
{
	const struct store_value log[] = { store_integer(s->revision),
					   store_integer(s->ordinal++) };
	int rc = row_exec(s, log_delete, name, log, 2);

	return rc ? rc : row_exec(s, delete_row, name, NULL, 0);
}

static int insert_object(struct save *s, const struct catalog_item *item, int64_t position)
{
	const struct store_value log[] = { store_integer(position), store_text(item->object.body),
					   store_integer(s->revision),
					   store_integer(s->ordinal++) };
	int rc = row_exec(s, insert_row, item->object.name, log, 2);

	return rc ? rc : row_exec(s, log_insert, item->object.name, log, 4);
}

/* moved: 1: seen by others, 0, -1: renewed only. */
static int update_object(struct save *s, const struct catalog_item *item, int64_t position,
			 int moved)
{
	const struct store_value log[] = { store_integer(position), store_text(item->object.body),
					   store_integer(s->revision), store_integer(s->ordinal++),
					   store_integer(moved) };
	int rc = row_exec(s, log_update, item->object.name, log, 5);

	return rc ? rc : row_exec(s, update_row, item->object.name, log, 2);
}

/* ---- Positions ---- */

static int take_position(void *arg, const struct store_value *columns, size_t n)
{
	(void)n;
	*(int64_t *)arg = columns[0].integer;
	return 0;
}

/* The store's position of an object that it keeps. */
static int learn(struct save *s, size_t index)
{
	const struct store_value values[] = { store_text(s->kind), store_text(s->parent),
					      store_text(s->to->at[index]->object.name) };
	struct place *place = &s->places[index];
	int rc;

	if (place->known)
		return 0;
	rc = store_query(s->db, select_position, values, 3, take_position, &place->position);
	place->known = rc == 1;
	return rc == 0 ? -ESTALE : rc < 0 ? rc : 0;
}

static int take_named_position(void *arg, const struct store_value *columns, size_t n)
{
	struct save *s = arg;
	const struct catalog_item *item = catalog_list_find(s->to, columns[0].text);
	struct place *place = item ? &s->places[catalog_list_index(s->to, item)] : NULL;

	(void)n;
	if (place && place->kept && !place->known) {
		place->position = columns[1].integer;
		place->known = true;
	}
	return 0;
}

static int learn_all(struct save *s)
{
	const struct store_value values[] = { store_text(s->kind), store_text(s->parent) };
	int rc = store_query(s->db, select_positions, values, 2, take_named_position, s);

	return rc < 0 ? rc : 0;
}

/* Positions for `first` to before `end`, between (if they are there) the ones before and after.
 * False: no room. */
static bool spread(struct save *s, size_t first, size_t end, int64_t least)
{
	bool bounded = end < s->to->count;
	int64_t low = first > 0 ? s->places[first - 1].position : 0, step = CATALOG_GAP, last;
	int64_t high = bounded ? s->places[end].position : 0, count = (int64_t)(end - first);

	if (first > 0 && bounded)
		step = (int64_t)(((uint64_t)high - (uint64_t)low) / ((uint64_t)count + 1));
	else if (bounded && (__builtin_mul_overflow(step, count + 1, &low) ||
			     __builtin_sub_overflow(high, low, &low)))
		return false;
	if (step < least || __builtin_mul_overflow(step, count, &last) ||
	    __builtin_add_overflow(low, last, &last))
		return false;
	for (size_t i = first; i < end; i++) {
		struct place *place = &s->places[i];

		place->position = low + step * (int64_t)(i - first + 1);
		place->renewed = place->kept;
		place->known = true;
	}
	return true;
}

#define ROOMY (INT64_C(1) << 20)

/* No room between two neighbours: more and more of those around are taken in. */
static int widen(struct save *s, size_t first, size_t end)
{
	int rc = learn_all(s);

	for (size_t more = 8; rc == 0; more *= 2) {
		size_t from = first > more ? first - more : 0;
		size_t to = s->to->count - end > more ? end + more : s->to->count;

		/* What still waits for a position of its own can't bound others; before, all have
		 * one. */
		while (to < s->to->count && !s->places[to].known)
			to++;
		if (spread(s, from, to, ROOMY))
			return 0;
		if (from == 0 && to == s->to->count)
			return -EOVERFLOW;
	}
	return rc;
}

/* A run of new and moved objects. */
static int place_run(struct save *s, size_t first, size_t end)
{
	int rc = first > 0 ? learn(s, first - 1) : 0;

	if (rc == 0 && end < s->to->count)
		rc = learn(s, end);
	if (rc == 0 && !spread(s, first, end, 1))
		rc = widen(s, first, end);
	return rc;
}

static int place_all(struct save *s)
{
	int rc = 0;

	for (size_t i = 0, end; rc == 0 && i < s->to->count; i = end + 1) {
		for (end = i; end < s->to->count && !s->places[end].kept && !s->places[end].known;)
			end++;
		if (end > i)
			rc = place_run(s, i, end);
	}
	return rc;
}

/* ---- One list ---- */

static int delete_missing(struct save *s, const struct catalog_list *from)
{
	int rc = 0;

	for (size_t i = s->pairing.head; rc == 0 && from && i < from->count - s->pairing.tail; i++)
		if (!catalog_list_find(s->to, from->at[i]->object.name))
			rc = delete_object(s, from->at[i]->object.name);
	return rc;
}

static const struct catalog_item *item_before(const struct save *s, size_t index)
{
	return s->pairing.from ? catalog_pair_before(&s->pairing, index) : NULL;
}

static int write_item(struct save *s, size_t index)
{
	const struct catalog_item *item = s->to->at[index], *before = item_before(s, index);
	const struct place *place = &s->places[index];
	bool moved = before && !place->kept, changed = before && !catalog_same_body(before, item);
	int rc = 0;

	if (!before)
		return insert_object(s, item, place->position);
	if (!moved && !changed && !place->renewed)
		return 0;
	if (!moved && !place->renewed)
		rc = learn(s, index);
	return rc ? rc : update_object(s, item, place->position, moved ? 1 : changed ? 0 : -1);
}

static int write_list(struct save *s)
{
	int rc;

	s->places = mem_calloc(s->to->count + 1, sizeof(*s->places));
	if (!s->places)
		return -ENOMEM;
	for (size_t i = 0; i < s->to->count; i++)
		s->places[i].kept = item_before(s, i) && !catalog_pair_moved(&s->pairing, i);
	rc = place_all(s);
	for (size_t i = 0; rc == 0 && i < s->to->count; i++)
		rc = write_item(s, i);
	mem_free(s->places);
	s->places = NULL;
	return rc;
}

static int save_list(struct catalog_walk *walk, enum catalog_kind kind,
		     const struct catalog_item *parent, const struct catalog_list *from,
		     const struct catalog_list *to)
{
	struct save *s = (struct save *)walk;
	int rc = catalog_pair(&s->pairing, from, to);

	s->kind = catalog_kinds[kind].name;
	s->parent = parent ? parent->object.name : "";
	s->to = to;
	if (rc == 0)
		rc = delete_missing(s, from);
	if (rc == 0 && to)
		rc = write_list(s);
	catalog_pair_free(&s->pairing);
	return rc;
}

/* ---- A change ---- */

/* The change's own row comes first: of two gateways that change the same base at once, one finds
 * its revision taken. */
static int begin_change(struct store_db *db, int64_t base, const struct catalog_author *author,
			int64_t wall_us)
{
	const struct store_value values[] = {
		store_integer(base + 1),
		store_integer(wall_us),
		store_text(author->who ? author->who : ""),
		store_text(author->origin ? author->origin : ""),
		store_text(author->what ? author->what : ""),
	};
	int64_t now;
	int rc = catalog_store_revision(db, &now);

	if (rc)
		return rc;
	if (now != base)
		return -ESTALE;
	rc = store_exec(db, insert_change, values, 5);
	return rc == 0 ? -ESTALE : rc < 0 ? rc : 0;
}

static int announce(struct store_db *db, int64_t revision)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)revision);
	return store_notify(db, CATALOG_CHANNEL, text);
}

int catalog_save(struct store_db *db, const struct catalog *from, int64_t base,
		 const struct catalog *to, const struct catalog_author *author, int64_t wall_us,
		 int64_t *revision)
{
	struct save s = { .walk = { save_list }, .db = db, .revision = base + 1 };
	int rc;

	if (catalog_diff(from, to, NULL, NULL) == 0)
		return 0;
	rc = begin_change(db, base, author, wall_us);
	if (rc == 0)
		rc = catalog_walk_lists(&s.walk, from, to);
	if (rc == 0)
		rc = announce(db, s.revision);
	if (rc < 0)
		return rc;
	*revision = s.revision;
	return 1;
}
