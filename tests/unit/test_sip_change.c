/* SPDX-License-Identifier: GPL-2.0-only */
/* Interfaces and trunks that come and go while calls are carried. */
#include "sip_house.h"

static unsigned gone_count;

static void gone(void *arg)
{
	gone_count += *(unsigned *)arg;
}

static unsigned one = 1, ten = 10;

/* A further trunk towards the mute peer, as if "mute" had been configured anew. */
static struct sip_trunk *mute_anew(struct fixture *f, struct conf_trunk *conf)
{
	struct sip_trunk *trunk = NULL;
	char error[200];

	*conf = f->trunks[2];
	assert_int_equal(sip_stack_add_trunk(f->stack, conf, &trunk, error, sizeof(error)), 0);
	return trunk;
}

static void a_held_trunk_takes_nothing(void **state)
{
	struct fixture *f = *state;
	struct sip_trunk *old = sip_stack_trunk(f->stack, "mute"), *new;
	struct conf_trunk conf;

	gone_count = 0;
	conf = f->trunks[2];
	new = mute_anew(f, &conf);
	assert_ptr_equal(sip_stack_trunk(f->stack, "mute"), old);
	assert_null(sip_stack_trunk_at(f->stack, 3));
	request(f, "INVITE", 1, "", "", sdp);
	settle(f);
	assert_ptr_equal(sip_call_trunk(f->in[0].call), old);
	sip_trunk_retire(old, NULL, NULL); /* also when there is no other any more */
	request(f, "INVITE", 3, "", "", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	assert_true(receive(f, "SIP/2.0 503"));
	assert_int_equal(f->in_count, 1);
	sip_trunk_retire(new, gone, &one); /* forgotten before it ever served */
	settle(f);
	assert_int_equal(gone_count, 1);
}

/* Of two with the same source, who came to serve last has it; of a wide and a narrow one that serve,
 * the narrow one; one that is retired has it only when nobody else does. */
static void whose_request_is_it(void **state)
{
	struct fixture *f = *state;
	struct sip_trunk *old = sip_stack_trunk(f->stack, "mute"), *same, *wide;
	struct conf_trunk confs[2] = { f->trunks[2], f->trunks[2] };
	struct netprefix all = { .bits = 8 };
	char error[200], tag[64];

	take_session(f, "", tag); /* keeps the old one there */
	netaddr_set(&all.network, "127.0.0.0", 0);
	confs[0].name = (char *)"same";
	confs[1].name = (char *)"wide";
	confs[1].sources = &all;
	confs[1].source_count = 1;
	assert_int_equal(sip_stack_add_trunk(f->stack, &confs[1], &wide, error, sizeof(error)), 0);
	sip_trunk_serve(wide);
	request(f, "INVITE", 11, "", "", sdp);
	settle(f);
	assert_ptr_equal(f->in_trunk, old);
	assert_int_equal(sip_stack_add_trunk(f->stack, &confs[0], &same, error, sizeof(error)), 0);
	sip_trunk_serve(same);
	request(f, "INVITE", 12, "", "", sdp);
	settle(f);
	assert_ptr_equal(f->in_trunk, same);
	sip_trunk_retire(same, NULL, NULL);
	request(f, "INVITE", 13, "", "", sdp);
	settle(f);
	assert_ptr_equal(f->in_trunk, old);
	sip_trunk_retire(old, NULL, NULL);
	request(f, "INVITE", 14, "", "", sdp);
	settle(f);
	assert_ptr_equal(f->in_trunk, wide);
}

/* The new one takes new calls at once; those in progress end on the old one, which then goes. */
static void a_trunk_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct sip_trunk *old = sip_stack_trunk(f->stack, "mute"), *new;
	struct conf_trunk conf;
	char tag[64];

	gone_count = 0;
	take_session(f, "", tag);
	new = mute_anew(f, &conf);
	sip_trunk_serve(new);
	sip_trunk_retire(old, gone, &one);
	settle(f);
	assert_int_equal(gone_count, 0);
	assert_false(sip_trunk_is_up(old));
	assert_ptr_equal(sip_stack_trunk(f->stack, "mute"), new);
	assert_ptr_equal(sip_stack_trunk_at(f->stack, 2), new);
	assert_int_equal(sip_trunk_calls(old), 1);
	request(f, "INVITE", 2, tag, "", sdp); /* in the dialog */
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	request(f, "ACK", 2, tag, "", "");
	request(f, "BYE", 3, tag, "", "");
	settle(f);
	assert_int_equal(f->in[0].released, 1);
	assert_ptr_equal(f->in_trunk, old);
	request(f, "INVITE", 4, "", "", sdp);
	settle(f);
	assert_ptr_equal(f->in_trunk, new);
	pass(f, 40 * SECOND);
	assert_int_equal(gone_count, 1);
}

/* Without one in its place the peer is still heard while its last call lasts: new calls are refused,
 * and later nothing passes the filter. */
static void a_trunk_is_taken_away(void **state)
{
	struct fixture *f = *state;
	char tag[64];
	uint64_t filtered;

	gone_count = 0;
	take_session(f, "", tag);
	sip_trunk_retire(sip_stack_trunk(f->stack, "mute"), gone, &one);
	settle(f);
	assert_int_equal(gone_count, 0);
	assert_null(sip_stack_trunk(f->stack, "mute"));
	request(f, "INVITE", 2, "", "", sdp);
	settle(f);
	assert_true(receive(f, "SIP/2.0 503"));
	request(f, "BYE", 3, tag, "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	assert_int_equal(f->in[0].released, 1);
	pass(f, 40 * SECOND);
	assert_int_equal(gone_count, 1);
	filtered = counter_get(&sip_stack_counters(f->stack)->filtered);
	request(f, "OPTIONS", 4, "", "", "");
	settle(f);
	assert_false(receive(f, "SIP/2.0"));
	assert_int_equal(counter_get(&sip_stack_counters(f->stack)->filtered), filtered + 1);
}

static void no_call_goes_out_on_a_retired_trunk(void **state)
{
	struct fixture *f = *state;
	struct sip_trunk *mute = sip_stack_trunk(f->stack, "mute");
	struct sip_info info = { .called = { .number = { .digits = "1" } } };
	struct sip_call *call;

	gone_count = 0;
	call_on(f, "mute", &f->out[0], true);
	settle(f);
	sip_trunk_retire(mute, NULL, NULL);
	assert_int_equal(sip_call_create(&call, mute, &info, NULL, &call_ops, &f->out[1]),
			 -ENETDOWN);
	assert_true(receive(f, "INVITE"));
	respond(f, "200 OK", "", sdp); /* the one that is under way is carried on */
	settle(f);
	assert_true(f->out[0].connected);
	assert_true(receive(f, "ACK"));
}

static void its_options_end(void **state)
{
	struct fixture *f = *state;
	struct conf_trunk conf;
	struct sip_trunk *new;
	char error[200];

	conf = f->trunks[2];
	conf.options_interval_s = 10;
	assert_int_equal(sip_stack_add_trunk(f->stack, &conf, &new, error, sizeof(error)), 0);
	pass(f, 11 * SECOND);
	assert_false(receive(f, "OPTIONS"));
	sip_trunk_serve(new);
	settle(f);
	assert_true(receive(f, "OPTIONS"));
	respond(f, "200 OK", "", "");
	pass(f, 11 * SECOND);
	assert_true(receive(f, "OPTIONS"));
	sip_trunk_retire(new, NULL, NULL); /* while one waits for its answer */
	settle(f);
	respond(f, "200 OK", "", "");
	pass(f, 31 * SECOND);
	while (receive(f, "OPTIONS"))
		;
	pass(f, 31 * SECOND);
	assert_false(receive(f, "OPTIONS"));
}

static void bad_trunks(void **state)
{
	struct fixture *f = *state;
	struct conf_trunk conf = f->trunks[2];
	struct netprefix *sources = calloc(2000, sizeof(*sources));
	struct sip_trunk *trunk = NULL;
	char error[200];

	conf.name = (char *)"fourth";
	conf.interface = (char *)"nowhere";
	assert_int_equal(sip_stack_add_trunk(f->stack, &conf, &trunk, error, sizeof(error)),
			 -ENOENT);
	assert_string_equal(error, "trunk fourth: its sip interface is not there");
	conf.interface = f->interfaces[0].name;
	conf.peer = (char *)"host:99999";
	assert_int_equal(sip_stack_add_trunk(f->stack, &conf, &trunk, error, sizeof(error)),
			 -EINVAL);
	conf.peer = f->peers[2];
	conf.sources = sources;
	conf.source_count = 2000;
	for (unsigned i = 0; i < 2000; i++) {
		netaddr_set(&sources[i].network, "192.0.2.1", 0);
		sources[i].bits = 32;
	}
	assert_int_equal(sip_stack_add_trunk(f->stack, &conf, &trunk, error, sizeof(error)),
			 -E2BIG);
	assert_non_null(strstr(error, "more sources"));
	assert_null(trunk);
	assert_null(sip_stack_trunk_at(f->stack, 3));
	request(f, "OPTIONS", 1, "", "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
	free(sources);
}

static void interfaces_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct conf_sip_interface third = { .name = (char *)"third", .udp = true, .tcp = true };
	struct conf_trunk conf = f->trunks[2];
	struct sip_trunk *trunk;
	char error[200];
	int probe;

	gone_count = 0;
	netaddr_set(&third.address, "127.0.0.1", free_port(NULL));
	assert_int_equal(sip_stack_add_interface(f->stack, &f->interfaces[0], error, sizeof(error)),
			 -EEXIST);
	assert_int_equal(sip_stack_add_interface(f->stack, &third, error, sizeof(error)), 0);
	conf.name = (char *)"c";
	conf.interface = (char *)"third";
	assert_int_equal(sip_stack_add_trunk(f->stack, &conf, &trunk, error, sizeof(error)), 0);
	sip_trunk_serve(trunk);
	call_on(f, "c", &f->out[0], true);
	settle(f);
	assert_true(receive(f, "INVITE"));
	respond(f, "200 OK", "", sdp);
	settle(f);
	assert_true(f->out[0].connected);

	sip_interface_retire(f->stack, "third", gone, &ten);
	sip_trunk_retire(trunk, gone, &one);
	settle(f);
	assert_int_equal(gone_count, 0);
	/* The name is free, the address is not. */
	assert_int_equal(sip_stack_add_interface(f->stack, &third, error, sizeof(error)),
			 -EADDRINUSE);
	assert_non_null(strstr(error, "sip interface third"));
	assert_int_equal(sip_stack_add_trunk(f->stack, &conf, &trunk, error, sizeof(error)),
			 -ENOENT);
	sip_call_release(f->out[0].call, normal());
	settle(f);
	assert_true(receive(f, "BYE"));
	respond(f, "200 OK", "", "");
	pass(f, 80 * SECOND);
	assert_int_equal(gone_count, 11);
	probe = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(probe, &third.address.u.sa, netaddr_len(&third.address)), 0);
	close(probe);
	assert_int_equal(sip_stack_add_interface(f->stack, &third, error, sizeof(error)), 0);
	sip_interface_retire(f->stack, "third", gone, &ten);
	sip_interface_retire(f->stack, "third", gone, &ten); /* there is none any more */
	settle(f);
	assert_int_equal(gone_count, 21);
}

/* Counters never go back when an interface goes. */
static void counters_stay(void **state)
{
	struct fixture *f = *state;
	uint64_t before;

	call_on(f, "a", &f->out[0], true);
	settle(f);
	sip_call_release(f->out[0].call, normal());
	pass(f, 40 * SECOND);
	before = counter_get(&sip_stack_counters(f->stack)->requests_rx);
	assert_true(before >= 3);
	sip_trunk_retire(sip_stack_trunk(f->stack, "b"), NULL, NULL);
	sip_interface_retire(f->stack, "second", NULL, NULL);
	settle(f);
	assert_int_equal(counter_get(&sip_stack_counters(f->stack)->requests_rx), before);
}

static void the_stack_ends_while_they_drain(void **state)
{
	struct fixture *f = *state;

	gone_count = 0;
	call_on(f, "mute", &f->out[0], true);
	settle(f);
	sip_trunk_retire(sip_stack_trunk(f->stack, "mute"), gone, &one);
	sip_interface_retire(f->stack, "first", gone, &ten);
	sip_stack_destroy(&f->stack);
	assert_int_equal(f->out[0].released, 1);
	assert_int_equal(gone_count, 11); /* nothing is borrowed any more */
}

static int add_all(struct fixture *f, const struct conf_sip_interface *interface,
		   const struct conf_trunk *conf)
{
	struct sip_trunk *trunk;
	char error[200];
	int rc = sip_stack_add_interface(f->stack, interface, error, sizeof(error));

	if (rc < 0)
		return rc;
	rc = sip_stack_add_trunk(f->stack, conf, &trunk, error, sizeof(error));
	if (rc >= 0) {
		sip_trunk_serve(trunk);
		sip_trunk_retire(trunk, gone, &one);
	}
	sip_interface_retire(f->stack, interface->name, gone, &ten);
	settle(f);
	return rc;
}

static void every_allocation_fails_once(void **state)
{
	struct fixture *f = *state;
	struct conf_sip_interface third = { .name = (char *)"third", .udp = true };
	struct conf_trunk conf = f->trunks[2];
	long n = 0, blocks = mem_live_blocks();
	int rc;

	netaddr_set(&third.address, "127.0.0.1", free_port(NULL));
	conf.name = (char *)"c";
	conf.interface = (char *)"third";
	do {
		gone_count = 0;
		mem_fail_after(n++);
		rc = add_all(f, &third, &conf);
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_int_equal(mem_live_blocks(), blocks);
	} while (mem_failed());
	mem_fail_after(-1);
	assert_int_equal(gone_count, 11);
	assert_in_range(n, 6, 20);
	request(f, "OPTIONS", 1, "", "", "");
	settle(f);
	assert_true(receive(f, "SIP/2.0 200"));
}

/* Gone while a name server is asked, and the answer comes later. */
static void gone_while_resolving(void **state)
{
	struct fixture *f = *state;
	struct conf_trunk conf = f->trunks[2];
	char error[200], path[] = "/tmp/causeway-resolv-XXXXXX", text[512];
	struct sockaddr_in server = { .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, from;
	socklen_t length = sizeof(server), from_length = sizeof(from);
	int dns = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), file = mkstemp(path);
	struct sip_trunk *trunk;
	ssize_t n = -1;

	assert_int_equal(bind(dns, (struct sockaddr *)&server, sizeof(server)), 0);
	assert_int_equal(getsockname(dns, (struct sockaddr *)&server, &length), 0);
	snprintf(text, sizeof(text), "nameserver 127.0.0.1\nport %u\n", ntohs(server.sin_port));
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	f->stack->cfg.resolv_conf = path;
	conf.peer = (char *)"peer.test";
	gone_count = 0;
	assert_int_equal(sip_stack_add_trunk(f->stack, &conf, &trunk, error, sizeof(error)), 0);
	for (int i = 0; i < 100 && n < 0; i++) {
		loop_advance(f->loop, &f->clock, 10000);
		sip_stack_step(f->stack, 10);
		n = recvfrom(dns, text, sizeof(text), 0, (struct sockaddr *)&from, &from_length);
	}
	assert_true(n > 12);
	sip_trunk_retire(trunk, gone, &one);
	settle(f);
	assert_int_equal(gone_count, 1);
	text[2] = (char)0x81; /* a response, … */
	text[3] = (char)0x83; /* … there is no such name */
	assert_int_equal(sendto(dns, text, (size_t)n, 0, (struct sockaddr *)&from, from_length), n);
	settle(f);
	pass(f, 30 * SECOND);
	unlink(path);
	close(file);
	close(dns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_held_trunk_takes_nothing),
		CASE(whose_request_is_it),
		CASE(a_trunk_is_replaced),
		CASE(a_trunk_is_taken_away),
		CASE(no_call_goes_out_on_a_retired_trunk),
		CASE(its_options_end),
		CASE(bad_trunks),
		CASE(interfaces_come_and_go),
		CASE(counters_stay),
		CASE(the_stack_ends_while_they_drain),
		CASE(every_allocation_fails_once),
		CASE(gone_while_resolving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
