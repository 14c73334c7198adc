/* SPDX-License-Identifier: GPL-2.0-only */
/* Does the peer live (OPTIONS)? And calls that the time alone ends. */
#include "sip_house.h"

#include "trunk/sip_keep.h"

#include <netinet/tcp.h>

/* The next question, within so many seconds: repetitions of those before it come as well. */
static bool is_new(const struct fixture *f)
{
	static char seen[64][40];
	static unsigned n;
	char call_id[512];

	header(f, "Call-ID", call_id);
	for (unsigned i = 0; i < 64; i++)
		if (strcmp(seen[i], call_id) == 0)
			return false;
	snprintf(seen[n++ % 64], sizeof(seen[0]), "%.39s", call_id);
	return true;
}

static bool asked_anew(struct fixture *f, unsigned seconds)
{
	for (unsigned i = 0; i <= 10 * seconds; i++) {
		while (receive(f, "OPTIONS"))
			if (is_new(f))
				return true;
		pass(f, SECOND / 10);
	}
	return false;
}

/* The mute trunk asks every 30 s, and waits 4 s for each answer. */
static void with_options(struct fixture *f)
{
	sip_stack_destroy(&f->stack);
	f->trunks[2].options_interval_s = 30;
	f->trunks[2].setup_timeout_ms = 4000;
	assert_int_equal(open_stack(f), 0);
	settle(f);
	assert_true(asked_anew(f, 0));
}

static void answer_it(struct fixture *f, const char *status)
{
	respond(f, status, "", "");
	settle(f);
}

static bool is_up(struct fixture *f)
{
	return sip_trunk_is_up(sip_stack_trunk(f->stack, "mute"));
}

static void any_answer_will_do(void **state)
{
	struct fixture *f = *state;

	with_options(f);
	answer_it(f, "404 Not Found");
	assert_false(asked_anew(f, 29));
	assert_true(asked_anew(f, 2));
	answer_it(f, "200 OK");
	assert_int_equal(f->up + f->down, 0);
}

/* Within 10 s, not 32: asked, repeated, asked again a second later. */
static void silence_is_down(void **state)
{
	struct fixture *f = *state;

	with_options(f);
	pass(f, 8500000);
	assert_int_equal(f->down, 0);
	pass(f, SECOND);
	assert_int_equal(f->down, 1);
	assert_false(is_up(f));
	pass(f, 60 * SECOND);
	assert_int_equal(f->down, 1);
	while (asked_anew(f, 0))
		;
	assert_true(asked_anew(f, 15)); /* more often now */
	answer_it(f, "200 OK");
	assert_false(is_up(f)); /* once might be chance */
	assert_true(asked_anew(f, 2));
	answer_it(f, "200 OK");
	assert_true(is_up(f));
	assert_int_equal(f->up, 1);
	assert_false(asked_anew(f, 29));
	assert_true(asked_anew(f, 2));
}

/* Other settings for a trunk whose peer is dead don't send calls there. */
static void a_new_trunk_knows_of_the_silence(void **state)
{
	struct fixture *f = *state;
	struct sip_trunk *old, *new = NULL;
	struct conf_trunk conf;
	char error[200];

	with_options(f);
	pass(f, 10 * SECOND);
	assert_false(is_up(f));
	old = sip_stack_trunk(f->stack, "mute");
	conf = f->trunks[2];
	conf.ring_timeout_s = 7;
	assert_int_equal(sip_stack_add_trunk(f->stack, &conf, &new, error, sizeof(error)), 0);
	sip_trunk_take_health(new, old);
	sip_trunk_serve(new);
	sip_trunk_retire(old, NULL, NULL);
	assert_false(sip_trunk_is_up(new));
	while (asked_anew(f, 0))
		;
	assert_true(asked_anew(f, 15));
	answer_it(f, "200 OK");
	assert_true(asked_anew(f, 2));
	answer_it(f, "200 OK");
	assert_true(sip_trunk_is_up(new));
	sip_stack_destroy(&f->stack); /* it borrows what is ours */
}

static void one_miss_changes_nothing(void **state)
{
	struct fixture *f = *state;

	with_options(f);
	for (unsigned i = 0; i < 3; i++) {
		pass(f, 4500000);
		assert_true(asked_anew(f, 1));
		answer_it(f, "200 OK");
		assert_true(asked_anew(f, 31));
	}
	assert_int_equal(f->down, 0);
}

static void one_answer_between_misses(void **state)
{
	struct fixture *f = *state;

	with_options(f);
	pass(f, 60 * SECOND);
	assert_int_equal(f->down, 1);
	while (asked_anew(f, 0))
		;
	assert_true(asked_anew(f, 15));
	answer_it(f, "200 OK");
	assert_true(asked_anew(f, 2)); /* missed: all begins anew */
	assert_true(asked_anew(f, 15));
	answer_it(f, "200 OK");
	assert_int_equal(f->up, 0);
}

static void its_own_503_counts_at_once(void **state)
{
	struct fixture *f = *state;

	with_options(f);
	answer_it(f, "503 Service Unavailable");
	assert_int_equal(f->down, 1);
}

/* Nothing was heard: it is no call of the peer's, and doesn't count against max-calls. */
static void released_while_nobody_answers(void **state)
{
	struct fixture *f = *state;
	struct sip_trunk *mute = sip_stack_trunk(f->stack, "mute");

	f->trunks[2].max_calls = 1;
	call_on(f, "mute", &f->out[0], true);
	settle(f);
	assert_int_equal(sip_trunk_calls(mute), 1);
	sip_call_release(f->out[0].call, normal());
	settle(f);
	assert_int_equal(sip_trunk_calls(mute), 0);
	assert_true(list_empty(&f->stack->calls)); /* little is left of it */
	call_on(f, "mute", &f->out[1], true);
	pass(f, 20 * SECOND);
	while (receive(f, "INVITE"))
		;
	respond(f, "200 OK", "", sdp); /* after all: acknowledged and ended */
	settle(f);
	assert_true(f->out[1].connected);
	sip_call_release(f->out[1].call, normal());
	nothing_left(f);
}

/* A 2xx that nobody waits for any more (RFC 3261 9.1, 13.2.2.4), in a dialog that is new and in one
 * that has been. */
static void a_200_after_the_end(void **state)
{
	struct fixture *f = *state;
	char cseq[512], call_id[512];

	for (unsigned early = 0; early < 2; early++) {
		char invite[sizeof(f->got)];
		struct netaddr from;

		call_on(f, "mute", &f->out[0], true);
		settle(f);
		assert_true(receive(f, "INVITE"));
		memcpy(invite, f->got, sizeof(invite));
		from = f->from;
		header(f, "Call-ID", call_id);
		if (early)
			respond(f, "180 Ringing", "", "");
		settle(f);
		sip_call_release(f->out[0].call, normal());
		settle(f);
		assert_int_equal(f->out[0].released, 1);
		assert_true(list_empty(&f->stack->calls));
		assert_int_equal(sip_trunk_calls(sip_stack_trunk(f->stack, "mute")), early);
		memcpy(f->got, invite, sizeof(invite));
		f->from = from;
		respond(f, "200 OK", "", sdp);
		settle(f);
		assert_true(receive(f, "ACK"));
		assert_non_null(header(f, "Call-ID", cseq));
		assert_string_equal(cseq, call_id);
		assert_true(receive(f, "BYE"));
		assert_non_null(strstr(f->got, "tag=mute"));
		respond(f, "200 OK", "", "");
		settle(f);
		assert_int_equal(sip_trunk_calls(sip_stack_trunk(f->stack, "mute")), 0);
	}
	assert_int_equal(counter_get(&sip_stack_counters(f->stack)->late_forks), 2);
	nothing_left(f);
}

/* Timer F: nobody waits for the answer to BYE. */
static void bye_is_never_answered(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	take_session(f, "", tag);
	sip_call_release(f->in[0].call, normal());
	settle(f);
	assert_int_equal(f->in[0].released, 1);
	assert_int_equal(sip_trunk_calls(sip_stack_trunk(f->stack, "mute")), 0);
	pass(f, 33 * SECOND);
	assert_int_equal(counter_get(&sip_stack_counters(f->stack)->timeouts), 1);
	nothing_left(f);
}

static void bye_crosses_bye(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	take_session(f, "", tag);
	sip_call_release(f->in[0].call, normal());
	settle(f);
	assert_true(receive(f, "BYE"));
	request(f, "BYE", 2, tag, "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	request(f, "BYE", 3, tag, "", "");
	request(f, "INFO", 4, tag, "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 481"));
	assert_true(receive(f, "SIP/2.0 481"));
	assert_int_equal(f->in[0].released, 1);
	nothing_left(f);
}

/* A re-INVITE of ours is answered when all is over: its 200 is acknowledged (RFC 3261 13.2.2.4). */
static void an_answer_after_the_end(void **state)
{
	struct fixture *f = *state;
	struct media_desc desc;
	char tag[64], ok[16384];
	struct netaddr from;

	take_session(f, "", tag);
	media(&desc);
	desc.direction = RTP_SENDONLY;
	assert_int_equal(sip_call_offer(f->in[0].call, &desc), 0);
	settle(f);
	assert_true(receive(f, "INVITE"));
	memcpy(ok, f->got, sizeof(ok));
	from = f->from;
	request(f, "BYE", 2, tag, "", "");
	settle(f);
	assert_int_equal(f->in[0].released, 1);
	call_on(f, "mute", &f->out[0], true); /* a call that we end with one open */
	settle(f);
	assert_true(receive(f, "INVITE"));
	respond(f, "200 OK", "", sdp);
	settle(f);
	assert_true(receive(f, "ACK"));
	f->in_verb = true;
	assert_int_equal(sip_call_offer(f->out[0].call, &desc), 0);
	f->in_verb = false;
	settle(f);
	assert_true(receive(f, "INVITE"));
	memcpy(ok, f->got, sizeof(ok));
	sip_call_release(f->out[0].call, normal());
	settle(f);
	assert_true(receive(f, "BYE"));
	respond(f, "200 OK", "", "");
	memcpy(f->got, ok, sizeof(ok));
	f->from = from;
	respond(f, "200 OK", "", sdp);
	settle(f);
	assert_true(receive(f, "ACK"));
	nothing_left(f);
}

/* The peer's re-INVITE is open when the call ends: it is answered with 487 (RFC 3261 15.1.2). */
static void a_question_after_the_end(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	take_session(f, "", tag);
	f->mute_user = true;
	request(f, "INVITE", 2, tag, "", sdp);
	settle(f);
	assert_false(receive(f, "SIP/2.0 200"));
	sip_call_release(f->in[0].call, normal());
	settle(f);
	assert_true(receive(f, "BYE"));
	assert_true(receive(f, "SIP/2.0 487"));
	nothing_left(f);
}

/* ---- TCP ---- */

static void settings_of_connections(void **state)
{
	int value = 0, pair[2], fd = socket(AF_INET, SOCK_STREAM, 0),
	    peer = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t length = sizeof(value), address_length = sizeof(struct netaddr);
	struct netaddr local, far;

	(void)state;
	netaddr_set(&local, "127.0.0.1", 0);
	assert_int_equal(bind(fd, &local.u.sa, netaddr_len(&local)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, &local.u.sa, &address_length), 0);
	assert_int_equal(sip_keep_socket(fd), 0);
	netaddr_set(&far, "127.0.0.3", 0);
	assert_int_equal(bind(peer, &far.u.sa, netaddr_len(&far)), 0);
	assert_int_equal(connect(peer, &local.u.sa, netaddr_len(&local)), 0);
	pair[0] = accept(fd, NULL, NULL);
	assert_int_equal(getsockopt(pair[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &length), 0);
	assert_int_equal(value, SIP_KEEP_UNACKNOWLEDGED_MS); /* what listens hands it on */
	assert_int_equal(getsockopt(peer, SOL_SOCKET, SO_KEEPALIVE, &value, &length), 0);
	assert_int_equal(value, 0);
	assert_int_equal(sip_keep_connections(&far, &far), 0); /* another peer's */
	assert_int_equal(sip_keep_connections(&far, &local), 1);
	assert_int_equal(getsockopt(peer, SOL_SOCKET, SO_KEEPALIVE, &value, &length), 0);
	assert_int_equal(value, 1);
	assert_int_equal(sip_keep_socket(-1), -EBADF);
	close(pair[0]);
	close(peer);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(any_answer_will_do),
		CASE(silence_is_down),
		CASE(a_new_trunk_knows_of_the_silence),
		CASE(one_miss_changes_nothing),
		CASE(one_answer_between_misses),
		CASE(its_own_503_counts_at_once),
		CASE(released_while_nobody_answers),
		CASE(a_200_after_the_end),
		CASE(bye_is_never_answered),
		CASE(bye_crosses_bye),
		CASE(an_answer_after_the_end),
		CASE(a_question_after_the_end),
		cmocka_unit_test(settings_of_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
