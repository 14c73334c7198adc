/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of the SIP floor: both ways, timers, want of memory, bad configuration. */
#include "sip_house.h"

/* ---- Calls with ourselves ---- */

static void both_ways(void **state)
{
	struct fixture *f = *state;

	for (unsigned offered = 0; offered < 2; offered++)
		for (unsigned side = 0; side < 2; side++) {
			struct sip_call **ends;

			f->in_count = 0;
			f->auto_connect = offered;
			call_on(f, side ? "b" : "a", &f->out[0], offered);
			settle(f);
			assert_int_equal(f->in_count, 1);
			if (!offered) {
				struct media_desc d;

				media(&d);
				assert_int_equal(sip_call_connect(f->in[0].call, NULL), -EPROTO);
				assert_int_equal(sip_call_offer(f->in[0].call, &d), 0);
				assert_int_equal(sip_call_connect(f->in[0].call, NULL), 0);
				settle(f);
			}
			assert_true(f->out[0].connected && f->in[0].connected);
			assert_int_equal(f->out[0].answers + f->in[0].answers, 1);
			assert_string_equal(sip_call_state_name(f->out[0].call), "confirmed");
			ends = side ? &f->in[0].call : &f->out[0].call;
			sip_call_release(*ends, q850(Q850_USER_BUSY, Q850_LOC_TRANSIT));
			settle(f);
			assert_int_equal(f->in[0].released, 1);
			assert_int_equal(f->out[0].released, 1);
			assert_int_equal(f->in[0].cause.value, Q850_USER_BUSY);
			assert_int_equal(f->out[0].cause.location, Q850_LOC_TRANSIT);
			assert_int_equal(f->in[0].by_peer, side == 0);
		}
	nothing_left(f);
}

static void untaken_call_is_refused(void **state)
{
	struct fixture *f = *state;

	f->take = false;
	call_on(f, "a", &f->out[0], true);
	settle(f);
	assert_int_equal(f->out[0].released, 1);
	assert_int_equal(f->out[0].cause.value, Q850_NORMAL_UNSPECIFIED);
	nothing_left(f);
}

static void taking_no_calls(void **state)
{
	struct fixture *f = *state;

	sip_stack_refuse(f->stack, q850(Q850_CONGESTION, Q850_LOC_PRIVATE_LOCAL));
	call_on(f, "a", &f->out[0], true);
	settle(f);
	assert_int_equal(f->out[0].cause.value, Q850_CONGESTION);
	assert_int_equal(f->out[0].status, 503);
	assert_int_equal(f->in_count, 0);
	assert_int_equal(counter_get(&sip_stack_counters(f->stack)->refused_overload), 1);
	sip_stack_refuse(f->stack, q850(0, 0));
	call_on(f, "a", &f->out[1], true);
	settle(f);
	assert_int_equal(f->in_count, 1);
}

static void full_trunk(void **state)
{
	struct fixture *f = *state;
	struct sip_info info = { .called = { .number = { .digits = "1" } } };
	struct sip_call *call;

	f->trunks[0].max_calls = 1;
	call_on(f, "a", &f->out[0], true);
	assert_int_equal(sip_call_create(&call, sip_stack_trunk(f->stack, "a"), &info, NULL,
					 &call_ops, &f->out[1]),
			 -EBUSY);
	info.called.number.digits[0] = '\0';
	assert_int_equal(sip_call_create(&call, sip_stack_trunk(f->stack, "b"), &info, NULL,
					 &call_ops, &f->out[1]),
			 -EINVAL);
}

static void stack_ends_calls(void **state)
{
	struct fixture *f = *state;

	call_on(f, "a", &f->out[0], true);
	settle(f);
	call_on(f, "mute", &f->out[1], true);
	sip_stack_destroy(&f->stack);
	assert_int_equal(f->out[0].cause.value, Q850_DESTINATION_OUT_OF_ORDER);
	assert_int_equal(f->out[1].cause.value, Q850_DESTINATION_OUT_OF_ORDER);
	assert_int_equal(f->in[0].released, 1);
}

static void ten_thousand_calls(void **state)
{
	struct fixture *f = *state;
	unsigned done = 0;

	for (unsigned round = 0; round < 10000 / PARALLEL; round++) {
		f->in_count = 0;
		for (unsigned i = 0; i < PARALLEL; i++)
			call_on(f, "a", &f->out[i], true);
		settle(f);
		settle(f);
		for (unsigned i = 0; i < PARALLEL; i++)
			sip_call_release(i % 2 ? f->out[i].call : f->in[i].call, normal());
		settle(f);
		settle(f);
		for (unsigned i = 0; i < PARALLEL; i++)
			done += f->out[i].connected && f->in[i].connected && f->out[i].released &&
				f->in[i].released;
		loop_advance(f->loop, &f->clock, 2 * SECOND);
	}
	assert_int_equal(done, 10000);
	nothing_left(f);
}

/* ---- Timers ---- */

static void nobody_answers(void **state)
{
	struct fixture *f = *state;

	call_on(f, "mute", &f->out[0], true);
	pass(f, 31 * SECOND);
	assert_int_equal(f->out[0].released, 0);
	pass(f, 2 * SECOND); /* timer B: RFC 3261 17.1.1.2 */
	assert_int_equal(f->out[0].released, 1);
	assert_int_equal(f->out[0].cause.value, Q850_TIMER_EXPIRY);
	assert_int_equal(f->out[0].status, 408);
	assert_int_equal(counter_get(&sip_stack_counters(f->stack)->timeouts), 1);
	assert_true(counter_get(&sip_stack_counters(f->stack)->retransmissions) >= 5);
	nothing_left(f);
}

static void cancelled_while_nobody_answers(void **state)
{
	struct fixture *f = *state;

	call_on(f, "mute", &f->out[0], true);
	settle(f);
	sip_call_release(f->out[0].call, normal());
	settle(f);
	assert_int_equal(f->out[0].released, 1);
	while (receive(f, "INVITE"))
		;
	nothing_left(f);
	assert_false(receive(f, "CANCEL")); /* never before a provisional response */
}

static void no_final_after_cancel(void **state)
{
	struct fixture *f = *state;

	call_on(f, "mute", &f->out[0], true);
	settle(f);
	assert_true(receive(f, "INVITE"));
	respond(f, "180 Ringing", "", "");
	settle(f);
	assert_true(f->out[0].events & 1u << SIP_ALERTING);
	sip_call_release(f->out[0].call, normal());
	settle(f);
	assert_true(receive(f, "CANCEL"));
	respond(f, "200 OK", "", "");
	pass(f, 40 * SECOND); /* 64·T1 after CANCEL it is over: RFC 3261 9.1 */
	assert_int_equal(f->out[0].released, 1);
	assert_int_equal(sip_stack_trunk(f->stack, "mute")->calls, 0);
}

static void no_ack(void **state)
{
	struct fixture *f = *state;

	request(f, "INVITE", 1, "", "", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	pass(f, 31 * SECOND);
	assert_int_equal(f->in[0].released, 0);
	assert_true(receive(f, "SIP/2.0 200")); /* repeated */
	pass(f, 2 * SECOND);                    /* RFC 3261 13.3.1.4: then BYE */
	assert_int_equal(f->in[0].released, 1);
	assert_int_equal(f->in[0].cause.value, Q850_TIMER_EXPIRY);
	assert_true(receive(f, "BYE"));
	nothing_left(f);
}

static void no_prack(void **state)
{
	struct fixture *f = *state;

	f->auto_connect = false;
	request(f, "INVITE", 1, "", "Supported: 100rel\r\n", sdp);
	settle(f);
	assert_int_equal(sip_call_alerting(f->in[0].call, true), 0);
	settle(f);
	assert_true(receive(f, "SIP/2.0 183"));
	pass(f, 31 * SECOND);
	assert_int_equal(f->in[0].released, 0);
	pass(f, 2 * SECOND); /* RFC 3262 3: then the INVITE is refused with 5xx */
	assert_true(receive(f, "SIP/2.0 504"));
	assert_int_equal(f->in[0].released, 1);
	nothing_left(f);
}

/* The 200 waits behind an unacknowledged reliable 183 with the answer. */
static void no_prack_before_the_200(void **state)
{
	struct fixture *f = *state;

	f->auto_connect = false;
	request(f, "INVITE", 1, "", "Supported: 100rel\r\n", sdp);
	settle(f);
	assert_int_equal(sip_call_alerting(f->in[0].call, true), 0);
	assert_int_equal(sip_call_connect(f->in[0].call, NULL), 0);
	pass(f, 31 * SECOND);
	assert_int_equal(f->in[0].released, 0);
	pass(f, 2 * SECOND);
	assert_int_equal(f->in[0].released, 1);
	assert_false(f->in[0].connected);
	nothing_left(f);
}

static void cancelled_before_the_200(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	f->auto_connect = false;
	for (unsigned closing = 0; closing < 2; closing++) {
		f->in_count = 0;
		request(f, "INVITE", 1 + closing, "", "Supported: 100rel\r\n", sdp);
		settle(f);
		assert_int_equal(sip_call_alerting(f->in[0].call, true), 0);
		assert_int_equal(sip_call_connect(f->in[0].call, NULL), 0);
		settle(f);
		assert_true(receive(f, "SIP/2.0 183"));
		assert_false(receive(f, "SIP/2.0 200"));
		tag_of(f, tag);
		if (closing)
			sip_call_release(f->in[0].call, normal());
		cancel(f, 1 + closing);
		settle(f);
		assert_true(receive(f, "SIP/2.0 487"));
		request(f, "ACK", 1 + closing, tag, "", "");
		settle(f);
		assert_int_equal(f->in[0].released, 1);
		assert_false(f->in[0].connected);
		nothing_left(f);
	}
}

static void session_is_not_refreshed(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	take_session(f, "Supported: timer\r\nSession-Expires: 180;refresher=uac\r\n", tag);
	pass(f, 140 * SECOND);
	request(f, "UPDATE", 2, tag, "Supported: timer\r\nSession-Expires: 180;refresher=uac\r\n",
		"");
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	pass(f, 147 * SECOND);
	assert_int_equal(f->in[0].released, 0);
	pass(f, 2 * SECOND); /* RFC 4028 10: 32 s before the end */
	assert_int_equal(f->in[0].released, 1);
	assert_int_equal(f->in[0].cause.value, Q850_TIMER_EXPIRY);
	assert_true(receive(f, "BYE"));
	nothing_left(f);
}

static void short_session_is_not_refreshed(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	take_session(f, "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n", tag);
	pass(f, 59 * SECOND);
	assert_int_equal(f->in[0].released, 0);
	pass(f, 2 * SECOND); /* a third before the end */
	assert_int_equal(f->in[0].released, 1);
}

static void we_refresh(void **state)
{
	struct fixture *f = *state;
	char tag[64], value[512];

	take_session(f,
		     "Supported: timer\r\nAllow: UPDATE\r\nSession-Expires: 90;refresher=uas\r\n",
		     tag);
	for (int i = 0; i < 3; i++) {
		pass(f, 44 * SECOND);
		assert_false(receive(f, "UPDATE"));
		pass(f, 2 * SECOND);
		assert_true(receive(f, "UPDATE"));
		assert_string_equal(header(f, "Session-Expires", value), "90;refresher=uac");
		assert_null(strstr(f->got, "m=audio"));
		respond(f, "200 OK", "Session-Expires: 90;refresher=uac\r\n", "");
		settle(f);
		while (receive(f, "UPDATE")) /* repetitions */
			;
	}
	pass(f, 46 * SECOND);
	assert_true(receive(f, "UPDATE"));
	respond(f, "422 Too small", "Min-SE: 120\r\n", "");
	while (receive(f, "UPDATE"))
		;
	settle(f);
	assert_true(receive(f, "UPDATE"));
	assert_string_equal(header(f, "Session-Expires", value), "120;refresher=uac");
	respond(f, "481 Gone", "", "");
	settle(f);
	assert_int_equal(f->in[0].released, 1);
	nothing_left(f);
}

static void we_refresh_by_invite(void **state)
{
	struct fixture *f = *state;
	char tag[64], value[512];

	take_session(f, "Session-Expires: 90\r\n", tag); /* a proxy asked, the peer can't */
	pass(f, 46 * SECOND);
	assert_true(receive(f, "INVITE"));
	assert_non_null(strstr(f->got, "m=audio 40002"));
	assert_string_equal(header(f, "Session-Expires", value), "90;refresher=uac");
	respond(f, "200 OK", "Session-Expires: 90;refresher=uac\r\n", sdp);
	settle(f);
	assert_true(receive(f, "ACK"));
	assert_int_equal(f->in[0].answers, 0); /* the same answer as before is no news */
	pass(f, 46 * SECOND);
	assert_true(receive(f, "INVITE"));
	pass(f, 70 * SECOND); /* silence: 408, the dialog is over */
	assert_int_equal(f->in[0].released, 1);
	nothing_left(f);
}

/* An INVITE forked, and one branch has answered: an offer of the other one is of no call any more,
 * and must not take the media away (RFC 3261 13.2.2.4). */
static void offer_of_another_branch(void **state)
{
	struct fixture *f = *state;
	char from[512], call_id[512], contact[512], ringing[600], update[4096];

	call_on(f, "mute", &f->out[0], true);
	settle(f);
	assert_true(receive(f, "INVITE"));
	header(f, "From", from);
	header(f, "Call-ID", call_id);
	snprintf(contact, sizeof(contact), MUTE_IP ":%u", netaddr_port(&f->mute_address));
	{
		char via[512], to[512], cseq[512];

		snprintf(update, sizeof(update),
			 "SIP/2.0 180 Ringing\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=other\r\nCall-ID: "
			 "%s\r\nCSeq: %s\r\nContact: <sip:mute@%s>\r\nContent-Length: 0\r\n\r\n",
			 header(f, "Via", via), from, header(f, "To", to), call_id,
			 header(f, "CSeq", cseq), contact);
		snprintf(ringing, sizeof(ringing), "%s", to);
		send_mute(f, update, &f->from);
	}
	settle(f);
	respond(f, "200 OK", "", sdp);
	settle(f);
	assert_true(f->out[0].connected);
	assert_true(receive(f, "ACK"));
	snprintf(update, sizeof(update),
		 "UPDATE sip:x@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKother\r\nFrom: "
		 "%s;tag=other\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 UPDATE\r\nContact: "
		 "<sip:mute@%s>\r\nMax-Forwards: 70\r\nContent-Type: "
		 "application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
		 netaddr_port(&f->from), contact, ringing, from, call_id, contact, sizeof(sdp) - 1,
		 sdp);
	send_mute(f, update, &f->from);
	settle(f);
	assert_true(receive(f, "SIP/2.0 481"));
	assert_int_equal(f->out[0].offers, 0);
}

static void required_within_the_call(void **state)
{
	struct fixture *f = *state;
	char tag[64], value[512];

	take_session(f, "", tag);
	request(f, "INVITE", 2, tag, "Require: teleport, timer\r\n", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 420"));
	assert_string_equal(header(f, "Unsupported", value), "teleport");
	assert_int_equal(f->in[0].released, 0);
}

/* RFC 4028 4: no session is shorter than 90 s, whatever a 2xx says: else we would refresh it
 * without end. */
static void session_shorter_than_allowed(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	take_session(f, "Supported: timer\r\nAllow: UPDATE\r\nSession-Expires: 90;refresher=uas\r\n",
		     tag);
	pass(f, 46 * SECOND);
	assert_true(receive(f, "UPDATE"));
	respond(f, "200 OK", "Session-Expires: 1;refresher=uac\r\n", "");
	settle(f);
	while (receive(f, "UPDATE")) /* repetitions */
		;
	pass(f, 44 * SECOND);
	assert_false(receive(f, "UPDATE"));
	pass(f, 2 * SECOND);
	assert_true(receive(f, "UPDATE"));
}

/* An UPDATE that brings no offer doesn't take the answer that the 200 of the INVITE owes. */
static void update_leaves_the_answer(void **state)
{
	struct fixture *f = *state;
	char tag[64];

	f->auto_connect = false;
	request(f, "INVITE", 1, "", "", sdp);
	settle(f);
	assert_int_equal(sip_call_progress(f->in[0].call, true), 0);
	settle(f);
	assert_true(receive(f, "SIP/2.0 183"));
	tag_of(f, tag);
	request(f, "UPDATE", 2, tag, "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	assert_null(strstr(f->got, "m=audio"));
	assert_int_equal(sip_call_connect(f->in[0].call, NULL), 0);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	assert_non_null(strstr(f->got, "m=audio"));
	request(f, "ACK", 1, tag, "", "");
	settle(f);
	assert_true(f->in[0].connected);
}

/* RFC 3261 14.2: asked for an offer, we make one as for a new call, though the peer had held this
 * one. */
static void resumed_without_an_offer(void **state)
{
	struct fixture *f = *state;
	char tag[64], held[512];

	take_session(f, "", tag);
	snprintf(held, sizeof(held), "%sa=sendonly\r\n", sdp);
	request(f, "INVITE", 2, tag, "", held);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	assert_non_null(strstr(f->got, "a=recvonly"));
	request(f, "ACK", 2, tag, "", "");
	request(f, "INVITE", 3, tag, "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	assert_null(strstr(f->got, "a=recvonly"));
	request(f, "ACK", 3, tag, "", sdp);
	settle(f);
	assert_int_equal(f->in[0].answers, 1);
	assert_int_equal(f->in[0].released, 0);
}

static void session_asked_by_callee(void **state)
{
	struct fixture *f = *state;

	call_on(f, "mute", &f->out[0], true);
	settle(f);
	assert_true(receive(f, "INVITE"));
	respond(f, "200 OK",
		"Session-Expires: 90;refresher=uac\r\nRequire: timer\r\nAllow: UPDATE\r\n", sdp);
	settle(f);
	assert_true(f->out[0].connected);
	pass(f, 46 * SECOND);
	assert_true(receive(f, "UPDATE"));
	respond(f, "200 OK", "", ""); /* without Session-Expires the session lasts */
	pass(f, 300 * SECOND);
	assert_int_equal(f->out[0].released, 0);
}

/* ---- Want of memory, bad configuration ---- */

static void one_call(struct fixture *f)
{
	struct sip_info info = { .called = { .number = { .digits = "+44" } } };
	struct media_desc offer;

	media(&offer);
	f->out[0] = (struct side){ 0 };
	if (sip_call_create(&f->out[0].call, sip_stack_trunk(f->stack, "a"), &info, &offer,
			    &call_ops, &f->out[0]) < 0)
		return;
	settle(f);
	if (f->out[0].call)
		sip_call_release(f->out[0].call, normal());
	settle(f);
	pass(f, 2 * SECOND);
	assert_int_equal(f->out[0].released, 1);
}

static void every_allocation_fails_once(void **state)
{
	struct fixture *f = *state;
	long n = 0;

	do {
		mem_fail_after(n++);
		one_call(f);
	} while (mem_failed());
	mem_fail_after(-1);
	assert_in_range(n, 5, 200);
	nothing_left(f);
	sip_stack_destroy(&f->stack);
	n = 0;
	do {
		mem_fail_after(n++);
	} while (open_stack(f) < 0);
	mem_fail_after(-1);
	assert_in_range(n, 4, 100);
}

/* Whatever fails in the middle, no call is left between up and down for ever. */
static void no_call_hangs_for_want_of_memory(void **state)
{
	struct fixture *f = *state;
	long n = 0;
	bool failed;

	do {
		struct sip_info info = { .called = { .number = { .digits = "+44" } } };
		struct media_desc offer;

		media(&offer);
		f->out[0] = (struct side){ 0 };
		mem_fail_after(n++);
		if (sip_call_create(&f->out[0].call, sip_stack_trunk(f->stack, "a"), &info, &offer,
				    &call_ops, &f->out[0]) < 0)
			f->out[0].released = 1;
		pass(f, 40 * SECOND);
		failed = mem_failed();
		assert_true(f->out[0].released || f->out[0].connected);
		if (f->out[0].call)
			sip_call_release(f->out[0].call, normal());
		pass(f, 80 * SECOND);
	} while (failed);
	mem_fail_after(-1);
	nothing_left(f);
}

static void bad_configuration(void **state)
{
	struct fixture *f = *state;
	struct sip_stack *second = NULL;
	struct sip_stack_cfg cfg = { .interfaces = f->interfaces,
				     .interface_count = 1,
				     .trunks = f->trunks,
				     .trunk_count = 1,
				     .loop = f->loop };
	char error[200];
	int taken;

	assert_int_equal(sip_stack_create(&second, &cfg, &stack_ops, f, error, sizeof(error)),
			 -EBUSY);
	assert_null(second);
	sip_stack_destroy(&f->stack);
	f->trunks[0].interface = (char *)"nowhere";
	assert_int_equal(sip_stack_create(&second, &cfg, &stack_ops, f, error, sizeof(error)),
			 -ENOENT);
	assert_non_null(strstr(error, "trunk a"));
	f->trunks[0].interface = f->interfaces[0].name;
	f->trunks[0].peer = (char *)"host:99999";
	assert_int_equal(sip_stack_create(&second, &cfg, &stack_ops, f, error, sizeof(error)),
			 -EINVAL);
	f->trunks[0].peer = f->peers[0];
	taken = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(taken, &f->interfaces[0].address.u.sa, sizeof(struct sockaddr_in)),
			 0);
	assert_true(sip_stack_create(&second, &cfg, &stack_ops, f, error, sizeof(error)) < 0);
	assert_non_null(strstr(error, "sip interface first"));
	close(taken);
}

/* The end comes while a name server is asked: no answer reaches a trunk that is gone. */
static void destroyed_while_resolving(void **state)
{
	struct fixture *f = *state;
	struct sip_stack_cfg cfg = { .interfaces = f->interfaces,
				     .interface_count = 1,
				     .trunks = f->trunks,
				     .trunk_count = 1,
				     .loop = f->loop };
	char error[200], path[] = "/tmp/causeway-resolv-XXXXXX", text[100];
	struct sockaddr_in server = { .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(server);
	int mute = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), file = mkstemp(path);
	bool asked = false;

	assert_int_equal(bind(mute, (struct sockaddr *)&server, sizeof(server)), 0);
	assert_int_equal(getsockname(mute, (struct sockaddr *)&server, &length), 0);
	snprintf(text, sizeof(text), "nameserver 127.0.0.1\nport %u\n", ntohs(server.sin_port));
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	sip_stack_destroy(&f->stack);
	cfg.resolv_conf = path;
	f->trunks[0].peer = (char *)"peer.test";
	assert_int_equal(
		sip_stack_create(&f->stack, &cfg, &stack_ops, f, error, sizeof(error)), 0);
	for (int i = 0; i < 100 && !asked; i++) {
		loop_advance(f->loop, &f->clock, 10000);
		sip_stack_step(f->stack, 10);
		asked = recv(mute, text, sizeof(text), 0) > 0;
	}
	assert_true(asked);
	assert_false(sip_trunk_is_up(sip_stack_trunk_at(f->stack, 0)));
	sip_stack_destroy(&f->stack);
	loop_advance(f->loop, &f->clock, 60 * SECOND);
	unlink(path);
	close(file);
	close(mute);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(both_ways),
		CASE(untaken_call_is_refused),
		CASE(taking_no_calls),
		CASE(full_trunk),
		CASE(stack_ends_calls),
		CASE(nobody_answers),
		CASE(cancelled_while_nobody_answers),
		CASE(no_final_after_cancel),
		CASE(no_ack),
		CASE(no_prack),
		CASE(no_prack_before_the_200),
		CASE(cancelled_before_the_200),
		CASE(session_is_not_refreshed),
		CASE(short_session_is_not_refreshed),
		CASE(we_refresh),
		CASE(we_refresh_by_invite),
		CASE(session_asked_by_callee),
		CASE(session_shorter_than_allowed),
		CASE(offer_of_another_branch),
		CASE(required_within_the_call),
		CASE(resumed_without_an_offer),
		CASE(update_leaves_the_answer),
		CASE(every_allocation_fails_once),
		CASE(no_call_hangs_for_want_of_memory),
		CASE(destroyed_while_resolving),
		CASE(bad_configuration),
		CASE(ten_thousand_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
