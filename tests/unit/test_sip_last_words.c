/* SPDX-License-Identifier: GPL-2.0-only */
/* The peer learns of the end of a call after the call's user: whatever ends it, the last word (200
 * to a BYE, final response to an INVITE) is not on the wire while RELEASED is being told. */
#include "sip_house.h"

static bool spoken; /* while RELEASED was told, a last word stood in the peer's socket */
static unsigned told;

static bool is_last_word(const char *text)
{
	return strncmp(text, "SIP/2.0 ", 8) == 0 && text[8] >= '2' && strstr(text, "CSeq: ") &&
	       (strstr(text, " BYE\r\n") || (text[8] > '2' && strstr(text, " INVITE\r\n")));
}

static void spying_event(struct sip_call *call, enum sip_event event,
			 const struct sip_event_data *data, void *arg)
{
	char text[8192];
	ssize_t n;

	if (event == SIP_RELEASED) {
		told++;
		while ((n = recv(fx->mute, text, sizeof(text) - 1, 0)) >= 0) {
			text[n] = '\0';
			spoken |= is_last_word(text);
		}
	}
	on_event(call, event, data, arg);
}

static struct sip_call_ops spying_ops;

static void spy(struct sip_call *call)
{
	spying_ops = call_ops;
	spying_ops.event = spying_event;
	call->ops = &spying_ops;
	spoken = false;
	told = 0;
}

/* Told once, and not before it was heard. */
static void silent(void)
{
	assert_int_equal(told, 1);
	assert_false(spoken);
}

static void answered(struct fixture *f, char tag[64])
{
	request(f, "INVITE", 1, "", "", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	tag_of(f, tag);
	request(f, "ACK", 1, tag, "", "");
	settle(f);
	spy(f->in[0].call);
}

static void bye(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	answered(f, tag);
	request(f, "BYE", 2, tag, "", "");
	settle(f);
	silent();
	assert_true(receive(f, "SIP/2.0 200"));
	request(f, "BYE", 2, tag, "", ""); /* its 200 was lost */
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	nothing_left(f);
}

/* Ours is on the way: the user has ended the call itself. */
static void bye_crosses(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	answered(f, tag);
	sip_call_release(f->in[0].call, normal());
	settle(f);
	assert_int_equal(told, 1);
	request(f, "BYE", 2, tag, "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	assert_int_equal(told, 1);
	nothing_left(f);
}

/* RFC 3261 15: the caller may send BYE before the INVITE is answered. */
static void bye_before_the_answer(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	f->auto_connect = false;
	request(f, "INVITE", 1, "", "", sdp);
	settle(f);
	assert_int_equal(sip_call_alerting(f->in[0].call, false), 0);
	settle(f);
	assert_true(receive(f, "SIP/2.0 180"));
	tag_of(f, tag);
	spy(f->in[0].call);
	request(f, "BYE", 2, tag, "", "");
	settle(f);
	silent();
	assert_true(receive(f, "SIP/2.0 487"));
	assert_true(receive(f, "SIP/2.0 200"));
	request(f, "ACK", 1, tag, "", "");
	nothing_left(f);
}

static void cancelled(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	f->auto_connect = false;
	request(f, "INVITE", 1, "", "", sdp);
	settle(f);
	spy(f->in[0].call);
	while (receive(f, "SIP/2.0 100"))
		;
	cancel(f, 1);
	settle(f);
	silent();
	assert_true(receive(f, "SIP/2.0 487"));
	tag_of(f, tag);
	request(f, "ACK", 1, tag, "", "");
	nothing_left(f);
}

/* A user that has let go needn't be told: the peer is answered all the same. */
static void nobody_to_tell(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	answered(f, tag);
	f->in[0].call->ops = &call_ops;
	request(f, "BYE", 2, tag, "", "");
	sip_stack_destroy(&f->stack);
	assert_int_equal(f->in[0].released, 1);
}

/* Two BYEs of one dialog in one turn: the second is not forgotten. */
static void bye_twice(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	answered(f, tag);
	request(f, "BYE", 2, tag, "", "");
	request(f, "BYE", 3, tag, "", "");
	settle(f);
	assert_int_equal(told, 1);
	assert_true(receive(f, "SIP/2.0 481") || receive(f, "SIP/2.0 200") || !spoken);
	nothing_left(f);
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bye),	 CASE(bye_crosses),    CASE(bye_before_the_answer),
		CASE(cancelled), CASE(nobody_to_tell), CASE(bye_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
