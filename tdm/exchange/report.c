/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/report.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void ex_report_init(struct ex_report *r, bool keep_calls)
{
	memset(r, 0, sizeof(*r));
	r->least_delay = r->most_delay = -1;
	r->least_dbm0 = r->most_dbm0 = EX_LEVEL_NONE;
	r->calls = keep_calls ? json_array() : NULL;
}

void ex_report_free(struct ex_report *r)
{
	mem_free(r->setup_ms);
	json_decref(r->calls);
	memset(r, 0, sizeof(*r));
}

void ex_report_started(struct ex_report *r)
{
	r->attempted++;
	if (++r->now > r->most)
		r->most = r->now;
}

static void add_time(struct ex_report *r, double ms)
{
	if (r->setup_count == r->setup_room) {
		size_t room = r->setup_room ? 2 * r->setup_room : 256;
		double *grown = mem_realloc(r->setup_ms, room * sizeof(*grown));

		if (!grown)
			return;
		r->setup_ms = grown;
		r->setup_room = room;
	}
	r->setup_ms[r->setup_count++] = ms;
}

static void add_level(struct ex_report *r, const struct ex_media_result *media)
{
	double level = EX_LEVEL_NONE;

	for (unsigned i = 0; i < EX_PHASES; i++)
		if (media->heard[i].level_dbm0 > level)
			level = media->heard[i].level_dbm0;
	if (level <= EX_LEVEL_NONE)
		return;
	if (r->least_dbm0 <= EX_LEVEL_NONE || level < r->least_dbm0)
		r->least_dbm0 = level;
	if (level > r->most_dbm0)
		r->most_dbm0 = level;
}

static void add_sequence(struct ex_report *r, const struct ex_media_result *media)
{
	r->measured++;
	r->intact += ex_media_intact(media);
	r->compared += media->compared;
	r->mismatches += media->mismatches;
	r->slips += media->slips;
	r->lost += media->lost;
	if (media->delay_samples < 0)
		return;
	if (r->least_delay < 0 || media->delay_samples < r->least_delay)
		r->least_delay = media->delay_samples;
	if (media->delay_samples > r->most_delay)
		r->most_delay = media->delay_samples;
}

void ex_report_add(struct ex_report *r, const struct ex_outcome *outcome)
{
	const struct ex_record *record = outcome->record;
	bool answered = record->connected_us != 0;

	r->ended++;
	r->now--;
	r->answered += answered;
	r->failed += !answered;
	r->as_expected += outcome->as_expected;
	r->unexpected += !outcome->as_expected;
	(answered ? r->answered_causes : r->causes)[record->cause.value & 0x7f]++;
	if (record->alerted_us)
		add_time(r, (double)(record->alerted_us - record->began_us) / 1000.0);
	add_level(r, &outcome->media);
	if (outcome->media.source == EX_SOURCE_PRBS && answered)
		add_sequence(r, &outcome->media);
	if (r->calls) {
		json_t *call = ex_record_json(record, &outcome->media);

		json_object_set_new(call, "as_expected", json_boolean(outcome->as_expected));
		if (outcome->why)
			json_object_set_new(call, "why", json_string(outcome->why));
		json_array_append_new(r->calls, call);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct ex_times ex_report_times(struct ex_report *r)
{
	size_t n = r->setup_count;

	if (!n)
		return (struct ex_times){ 0 };
	qsort(r->setup_ms, n, sizeof(*r->setup_ms), by_value);
	/* Nearest rank: the smallest value that 99 % do not exceed. */
	return (struct ex_times){ r->setup_ms[0], r->setup_ms[(n - 1) / 2],
				  r->setup_ms[(n * 99 + 99) / 100 - 1], r->setup_ms[n - 1] };
}

void ex_report_line(const struct ex_report *r, double seconds, FILE *to)
{
	fprintf(to, "%6.0f s  %7u attempted %7u answered %6u failed %6u now (most %u)\n", seconds,
		r->attempted, r->connected, r->failed, r->now, r->most);
}

static void print_causes(const unsigned *causes, const char *what, FILE *to)
{
	for (unsigned value = 0; value < 128; value++)
		if (causes[value])
			fprintf(to, "  %-22s %8u  %s%s%u\n", what, causes[value],
				value ? q850_cause_name(value) : "no cause", ", cause ", value);
}

void ex_report_table(struct ex_report *r, double seconds, FILE *to)
{
	struct ex_times times = ex_report_times(r);

	fprintf(to, "\n  attempted              %8u  in %.1f s\n  answered               %8u\n",
		r->attempted, seconds, r->answered);
	fprintf(to, "  failed                 %8u\n", r->failed);
	print_causes(r->causes, "  failed with", to);
	print_causes(r->answered_causes, "  answered, ended with", to);
	fprintf(to, "  most at once           %8u\n", r->most);
	if (r->setup_count)
		fprintf(to,
			"  setup time ms          %8.1f least  %.1f median  %.1f p99  %.1f most\n",
			times.least_ms, times.median_ms, times.p99_ms, times.most_ms);
	if (r->measured)
		fprintf(to,
			"  octets compared        %8llu  %llu mismatches, %llu lost, %llu slips; "
			"delay %d to %d samples; "
			"%u of %u calls whole\n",
			(unsigned long long)r->compared, (unsigned long long)r->mismatches,
			(unsigned long long)r->lost, (unsigned long long)r->slips, r->least_delay,
			r->most_delay, r->intact, r->measured);
	if (r->most_dbm0 > EX_LEVEL_NONE)
		fprintf(to, "  loudest level dBm0     %8.2f to %.2f\n", r->least_dbm0,
			r->most_dbm0);
	fprintf(to, "  as expected            %8u  %s\n", r->as_expected,
		r->unexpected ? "NOT ALL" : r->as_expected ? "all" : "");
}

static json_t *causes_json(const unsigned *causes)
{
	json_t *object = json_object();
	char key[8];

	for (unsigned value = 0; value < 128; value++) {
		snprintf(key, sizeof(key), "%u", value);
		if (causes[value])
			json_object_set_new(object, key, json_integer(causes[value]));
	}
	return object;
}

static json_t *times_json(struct ex_report *r)
{
	struct ex_times times = ex_report_times(r);
	json_t *object = json_object();

	json_object_set_new(object, "count", json_integer((json_int_t)r->setup_count));
	json_object_set_new(object, "min", json_real(times.least_ms));
	json_object_set_new(object, "median", json_real(times.median_ms));
	json_object_set_new(object, "p99", json_real(times.p99_ms));
	json_object_set_new(object, "max", json_real(times.most_ms));
	return object;
}

static json_t *sequence_json(const struct ex_report *r)
{
	json_t *object = json_object();

	json_object_set_new(object, "calls", json_integer(r->measured));
	json_object_set_new(object, "intact_calls", json_integer(r->intact));
	json_object_set_new(object, "compared", json_integer((json_int_t)r->compared));
	json_object_set_new(object, "mismatches", json_integer((json_int_t)r->mismatches));
	json_object_set_new(object, "lost", json_integer((json_int_t)r->lost));
	json_object_set_new(object, "slips", json_integer((json_int_t)r->slips));
	json_object_set_new(object, "min_delay_samples", json_integer(r->least_delay));
	json_object_set_new(object, "max_delay_samples", json_integer(r->most_delay));
	return object;
}

json_t *ex_report_json(struct ex_report *r, double seconds)
{
	json_t *object = json_object();

	json_object_set_new(object, "seconds", json_real(seconds));
	json_object_set_new(object, "attempted", json_integer(r->attempted));
	json_object_set_new(object, "answered", json_integer(r->answered));
	json_object_set_new(object, "failed", json_integer(r->failed));
	json_object_set_new(object, "as_expected", json_integer(r->as_expected));
	json_object_set_new(object, "unexpected", json_integer(r->unexpected));
	json_object_set_new(object, "most_at_once", json_integer(r->most));
	json_object_set_new(object, "waited_for_channel", json_integer(r->waited_for_channel));
	json_object_set_new(object, "failed_causes", causes_json(r->causes));
	json_object_set_new(object, "answered_causes", causes_json(r->answered_causes));
	json_object_set_new(object, "setup_times_ms", times_json(r));
	if (r->measured)
		json_object_set_new(object, "prbs", sequence_json(r));
	if (r->most_dbm0 > EX_LEVEL_NONE)
		json_object_set_new(object, "level_dbm0",
				    json_pack("[f,f]", r->least_dbm0, r->most_dbm0));
	json_object_set_new(object, "ok",
			    json_boolean(r->attempted && r->as_expected == r->attempted));
	if (r->calls)
		json_object_set(object, "calls", r->calls);
	return object;
}
