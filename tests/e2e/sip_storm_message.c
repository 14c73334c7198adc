/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading what comes back, and the figures. */
#include "tests/e2e/sip_storm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool text_is(struct text t, const char *word)
{
	return t.length == (int)strlen(word) && memcmp(t.at, word, (size_t)t.length) == 0;
}

static struct text value_of(const char *line, const char *end)
{
	const char *at = memchr(line, ':', (size_t)(end - line));

	if (!at)
		return (struct text){ line, 0 };
	for (at++; at < end && *at == ' '; at++)
		;
	return (struct text){ at, (int)(end - at) };
}

static struct text after(struct text in, const char *word, const char *stops)
{
	const char *at = memmem(in.at, (size_t)in.length, word, strlen(word));
	struct text out = { in.at, 0 };

	if (!at)
		return out;
	out.at = at + strlen(word);
	while (out.at + out.length < in.at + in.length && !strchr(stops, out.at[out.length]))
		out.length++;
	return out;
}

static bool is_header(const char *line, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(line, name, n) == 0 && line[n] == ':';
}

static void read_cseq(struct message *m)
{
	const char *space = memchr(m->cseq.at, ' ', (size_t)m->cseq.length);

	if (space)
		m->method = (struct text){ space + 1,
					   (int)(m->cseq.at + m->cseq.length - space - 1) };
}

static void read_header(struct message *m, const char *line, const char *end)
{
	struct text value = value_of(line, end);

	if (is_header(line, "Via") || is_header(line, "v")) {
		if (!m->vias.length)
			m->vias.at = line;
		m->vias.length = (int)(end + 2 - m->vias.at);
	} else if (is_header(line, "From") || is_header(line, "f")) {
		m->from = value;
	} else if (is_header(line, "To") || is_header(line, "t")) {
		m->to = value;
		m->to_tag = after(value, ";tag=", "; ");
	} else if (is_header(line, "Call-ID") || is_header(line, "i")) {
		m->call_id = value;
	} else if (is_header(line, "CSeq")) {
		m->cseq = value;
		read_cseq(m);
	} else if (is_header(line, "Contact") || is_header(line, "m")) {
		m->contact = after(value, "<", ">");
	} else if (is_header(line, "Retry-After")) {
		m->retry_after = true;
	}
}

bool message_read(struct message *m, const char *data)
{
	const char *line = data, *end;

	*m = (struct message){ .status = 0 };
	if (strncmp(data, "SIP/2.0 ", 8) == 0)
		m->status = (unsigned)atoi(data + 8);
	for (; (end = strstr(line, "\r\n")) && end > line; line = end + 2)
		read_header(m, line, end);
	m->described = end && end[2] != '\0';
	return m->call_id.length && m->method.length && m->status < STATUS_MAX;
}

/* ---- Figures ---- */

static void add(struct figures *f, uint32_t *of, size_t *count, uint64_t us)
{
	if (*count < f->room)
		of[(*count)++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void figures_setup(struct figures *f, uint64_t us)
{
	add(f, f->setup_us, &f->setups, us);
}

void figures_refusal(struct figures *f, uint64_t us)
{
	add(f, f->refusal_us, &f->refusals, us);
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_ms(const uint32_t *sorted, size_t count, unsigned percent)
{
	return count ? (double)sorted[(count - 1) * percent / 100] / 1000 : 0;
}

static void print_times(const char *name, uint32_t *of, size_t count)
{
	qsort(of, count, sizeof(*of), ascending);
	printf(", \"%s_p50_ms\": %.2f, \"%s_p99_ms\": %.2f, \"%s_max_ms\": %.2f", name,
	       percentile_ms(of, count, 50), name, percentile_ms(of, count, 99), name,
	       percentile_ms(of, count, 100));
}

void figures_print(struct figures *f)
{
	const char *comma = "";

	printf("{\"offered\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"ended\": %" PRIu64
	       ", \"lost\": %" PRIu64 ", \"held_back\": %" PRIu64 ", \"refused\": {",
	       f->offered, f->answered, f->ended, f->lost, f->held_back);
	for (unsigned i = 0; i < STATUS_MAX; i++)
		if (f->status[i]) {
			printf("%s\"%u\": %" PRIu64, comma, i, f->status[i]);
			comma = ", ";
		}
	printf("}, \"refused_bare\": %" PRIu64 ", \"repeated\": %" PRIu64
	       ", \"called\": %" PRIu64 ", \"called_open\": %" PRIu64
	       ", \"emergencies\": %" PRIu64 ", \"emergencies_answered\": %" PRIu64,
	       f->refused_bare, f->repeated, f->called, f->called_open, f->emergencies,
	       f->emergencies_answered);
	print_times("setup", f->setup_us, f->setups);
	print_times("refusal", f->refusal_us, f->refusals);
	printf(", \"seconds\": %.3f}\n", f->seconds);
}
