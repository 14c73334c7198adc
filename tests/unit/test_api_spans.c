/* SPDX-License-Identifier: GPL-2.0-only */
/* Spans and the whole machine as JSON: two real spans back to back, a call on them, in virtual time. */
#include "isdn_fixture.h"

#include "gateway/inspect.h"

struct inspected {
	struct fixture f;
	struct gateway gateway;
	struct machine_conf conf;
	struct endpoint endpoints[2];
	struct user caller;
};

static struct inspected inspected;

static void add_span(struct inspected *i, struct endpoint *endpoint, struct isdn_span *span)
{
	endpoint_from_span(endpoint, isdn_span_conf(span));
	endpoint->gateway = &i->gateway;
	endpoint->target = span;
	list_append(&i->gateway.endpoints, &endpoint->node);
}

static int setup(void **state)
{
	struct inspected *i = &inspected;

	memset(i, 0, sizeof(*i));
	fixture_open(&i->f);
	fixture_start(&i->f);
	i->gateway.loop = i->f.loop;
	i->gateway.conf = &i->conf;
	gateway_init_lists(&i->gateway);
	add_span(i, &i->endpoints[0], i->f.te.span);
	add_span(i, &i->endpoints[1], i->f.nt.span);
	i->gateway.started_wall_us = clock_wall_us(&i->f.clock.clock) - 90000000;
	*state = i;
	return 0;
}

static int teardown(void **state)
{
	struct inspected *i = *state;

	fixture_close(&i->f);
	return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "(null)";
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void lists_spans(void **state)
{
	struct inspected *i = *state;
	json_t *json = inspect_spans(&i->gateway), *te, *nt;

	assert_int_equal(json_array_size(json_object_get(json, "spans")), 2);
	te = json_array_get(json_object_get(json, "spans"), 0);
	nt = json_array_get(json_object_get(json, "spans"), 1);
	assert_string_equal(text_of(te, "name"), "te");
	assert_string_equal(text_of(te, "role"), "te");
	assert_string_equal(text_of(te, "state"), "up");
	assert_string_equal(text_of(te, "alarms"), "(null)");
	assert_int_equal(number_of(te, "idle"), 30);
	assert_string_equal(text_of(nt, "role"), "nt");
	json_decref(json);
	e1_pair_cut(i->f.pair, true);
	advance(&i->f, SECOND);
	json = inspect_spans(&i->gateway);
	te = json_array_get(json_object_get(json, "spans"), 0);
	assert_string_equal(text_of(te, "state"), "down");
	assert_string_equal(text_of(te, "alarms"), "LOS");
	json_decref(json);
}

/* A leg that stands on the fixture's call, as leg_isdn.c would be. */
static const char *fake_key(const struct leg *leg)
{
	(void)leg;
	return isdn_call_key(inspected.caller.call);
}

static const struct leg_ops fake_ops = { .kind = "isdn", .key = fake_key };

static void maps_timeslots(void **state)
{
	struct inspected *i = *state;
	struct leg leg = { .ops = &fake_ops };
	struct call call = { .id = "01CALL", .seats = { &leg, NULL } };
	json_t *json, *slots, *slot;

	establish(&i->f, &i->f.te, &i->caller);
	list_append(&i->gateway.calls, &call.node);
	json = inspect_span(&i->gateway, "te");
	assert_non_null(json);
	slots = json_object_get(json, "timeslots");
	assert_int_equal(json_array_size(slots), 32);
	assert_string_equal(text_of(json_array_get(slots, 0), "state"), "framing");
	assert_string_equal(text_of(json_array_get(slots, 16), "state"), "d-channel");
	assert_string_equal(text_of(json_array_get(slots, 1), "state"), "idle");
	slot = json_array_get(slots, isdn_call_timeslot(i->caller.call));
	assert_string_equal(text_of(slot, "state"), "connected");
	assert_string_equal(text_of(slot, "key"), isdn_call_key(i->caller.call));
	assert_string_equal(text_of(slot, "call"), "01CALL");
	assert_string_not_equal(text_of(slot, "q931_state"), "(null)");
	assert_int_equal(number_of(json_object_get(json_object_get(json, "counters"), "normal"), "calls_out"), 1);
	assert_non_null(json_object_get(json_object_get(json, "line_counters"), "undesirable"));
	assert_int_equal(number_of(json, "calls"), 1);
	json_decref(json);
	assert_null(inspect_span(&i->gateway, "nowhere"));
	/* The other side's call is none of this gateway's. */
	json = inspect_span(&i->gateway, "nt");
	slot = json_array_get(json_object_get(json, "timeslots"), isdn_call_timeslot(i->caller.call));
	assert_string_equal(text_of(slot, "state"), "connected");
	json_decref(json);
	isdn_call_release(i->caller.call, q850(Q850_NORMAL_CLEARING, Q850_LOC_USER));
	advance(&i->f, SECOND);
}

static void tells_status(void **state)
{
	struct inspected *i = *state;
	json_t *json = inspect_status(&i->gateway);

	assert_int_equal(number_of(json, "uptime_s"), 90);
	assert_int_equal(json_array_size(json_object_get(json, "spans")), 2);
	assert_int_equal(json_array_size(json_object_get(json, "trunks")), 0);
	assert_true(json_is_null(json_object_get(json, "dialplan")));
	assert_true(number_of(json, "memory_blocks") > 0);
	json_decref(json);
}

static void writes_values(void **state)
{
	static const struct {
		int64_t wall_us;
		const char *text;
	} times[] = { { 1767225600123456, "2026-01-01T00:00:00.123Z" }, { 0, "(null)" } };
	struct party_number number = { .digits = "12", .type = NUMBER_ABBREVIATED, .plan = PLAN_PRIVATE, .presentation = 1 };
	json_t *json;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		json = inspect_time(times[i].wall_us);
		assert_string_equal(json_string_value(json) ? json_string_value(json) : "(null)", times[i].text);
		json_decref(json);
	}
	json = inspect_ms(1000, 124456);
	assert_true(json_real_value(json) > 123.39 && json_real_value(json) < 123.41);
	json_decref(json);
	json = inspect_ms(1000, 0);
	assert_true(json_is_null(json));
	json_decref(json);
	json = inspect_number(&number);
	assert_string_equal(text_of(json, "type"), "abbreviated");
	assert_string_equal(text_of(json, "presentation"), "restricted");
	assert_int_equal(number_of(json, "plan"), 9);
	json_decref(json);
	json = inspect_cause(q850(Q850_USER_BUSY, Q850_LOC_USER));
	assert_int_equal(number_of(json, "value"), 17);
	assert_string_equal(text_of(json, "text"), q850_cause_name(17));
	json_decref(json);
	assert_int_equal(inspect_number_type("", "+44"), NUMBER_INTERNATIONAL);
	assert_int_equal(inspect_number_type("", "44"), NUMBER_UNKNOWN);
	assert_int_equal(inspect_number_type("subscriber", "+44"), NUMBER_SUBSCRIBER);
	assert_int_equal(inspect_number_type("Subscriber", "44"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lists_spans, setup, teardown),
		cmocka_unit_test_setup_teardown(maps_timeslots, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_status, setup, teardown),
		cmocka_unit_test(writes_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
