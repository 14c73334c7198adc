/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/settings.h"

#include "base/list.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>

static const struct schema_field own_fields[] = {
	{ .key = "plan",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct ex_own_settings, plan),
	  .max = 4096,
	  .help = "file with scenarios and numbers, relative to this one" },
	{ .key = "control",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct ex_own_settings, control),
	  .max = 100,
	  .help = "path of the control socket" },
	{ .key = "log-json",
	  .type = SCHEMA_STRING,
	  SCHEMA_AT(struct ex_own_settings, log_json),
	  .max = 4096,
	  .help = "file that gets a JSON line for each event of a call" },
	{ 0 },
};
static const struct schema own_schema = {
	.what = "exchange", .size = sizeof(struct ex_own_settings), .fields = own_fields,
	.name_offset = SCHEMA_NONE, .place_offset = SCHEMA_NONE,
};

static void check_own(struct conf_document *document, void *into)
{
	const struct ex_settings *settings = list_entry(into, struct ex_settings, own);

	if (!settings->machine.span_count)
		conf_fault(document, (struct conf_place){ 1, 1 },
			   "no spans; an exchange needs at least one");
}

/* The machine's schema, but that a span which doesn't say its role is the network side. Made anew
 * for each load. */
struct exchange_schema {
	struct schema machine, span;
	struct schema_field *machine_fields, *span_fields;
};

static size_t count_fields(const struct schema_field *fields)
{
	size_t n = 0;

	while (fields[n].key)
		n++;
	return n;
}

static struct schema_field *find_field(struct schema_field *fields, const char *key)
{
	for (; fields->key; fields++)
		if (!strcmp(fields->key, key))
			return fields;
	return NULL;
}

static struct schema_field *copy_fields(const struct schema *schema)
{
	size_t n = count_fields(schema->fields) + 1;
	struct schema_field *copy = mem_calloc(n, sizeof(*copy));

	if (copy)
		memcpy(copy, schema->fields, n * sizeof(*copy));
	return copy;
}

static int make_schema(struct exchange_schema *s)
{
	struct schema_field *spans, *role;

	*s = (struct exchange_schema){ .machine = machine_schema,
				       .machine_fields = copy_fields(&machine_schema) };
	if (!s->machine_fields)
		return -ENOMEM;
	spans = find_field(s->machine_fields, "spans");
	s->span = *spans->schema;
	s->span_fields = copy_fields(spans->schema);
	if (!s->span_fields) {
		mem_free(s->machine_fields);
		return -ENOMEM;
	}
	role = find_field(s->span_fields, "role");
	role->required = false;
	role->initial = "nt";
	s->span.fields = s->span_fields;
	spans->schema = &s->span;
	s->machine.fields = s->machine_fields;
	return 0;
}

static int load_document(struct ex_settings *out, const char *path)
{
	struct conf_document *document = NULL;
	struct exchange_schema schema;
	struct conf_section sections[] = {
		{ &own_schema, &out->own, check_own },
		{ &schema.machine, &out->machine, machine_check },
		{ &ex_plan_schema, &out->plan, ex_plan_check },
	};
	int rc = conf_read_file(&document, path);

	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-rc));
		return rc;
	}
	rc = make_schema(&schema);
	if (rc < 0)
		goto fail;
	rc = conf_load(document, sections, sizeof(sections) / sizeof(*sections));
	if (rc == -EINVAL)
		conf_fault_print(document, stderr);
	mem_free(schema.span_fields);
	mem_free(schema.machine_fields);
fail:
	conf_document_destroy(&document);
	return rc;
}

/* The plan's file stands where the configuration stands, unless its path is absolute. */
static int load_further(struct ex_settings *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	bool beside = slash && s->own.plan[0] != '/';
	char *full = beside ? mem_printf("%.*s/%s", (int)(slash - path), path, s->own.plan)
			    : mem_strdup(s->own.plan);
	int rc = full ? ex_plan_load(&s->further, full) : -ENOMEM;

	mem_free(full);
	return rc;
}

int ex_settings_load(struct ex_settings *out, const char *path)
{
	struct ex_settings read = { 0 };
	int rc = load_document(&read, path);

	if (rc == 0 && read.own.plan)
		rc = load_further(&read, path);
	if (rc < 0) {
		ex_settings_free(&read);
		return rc;
	}
	*out = read;
	return 0;
}

void ex_settings_free(struct ex_settings *s)
{
	conf_free(&own_schema, &s->own);
	conf_free(&machine_schema, &s->machine);
	ex_plan_free(&s->plan);
	ex_plan_free(&s->further);
}
