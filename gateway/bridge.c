/* SPDX-License-Identifier: GPL-2.0-only */
/* Media of a call. Each packet side negotiates for itself: the two sides need no common codec,
 * A-law and µ-law are converted between. Closing goes in two steps that both wait for the workers:
 * first everybody leaves everybody, then the endpoints close and their ports are free again. */
#include "gateway/bridge.h"

#include "base/mem.h"
#include "gateway/call_private.h"
#include "gateway/silence.h"
#include "gateway/slot_pair.h"
#include "trunk/rtp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

/* A re-offer that the leg cannot carry just now: an offer of its peer's waits for its ACK. */
#define RETRY_US 500000
#define RETRIES 10

struct side {
	struct leg *leg;         /* NULL: nobody yet */
	struct leg_packets home; /* packets only, like what follows */
	struct rtp_endpoint *rtp;
	struct media_desc ours, theirs;
	struct rtp_media terms;
	unsigned offer_id;
	bool offered; /* theirs waits for our answer */
	bool asked;   /* ours waits for theirs */
	bool agreed;  /* terms hold */
	/* Hold between two packet sides. What the peer wants of what it was given, by its offers,
	 * and what it was told last that the other side wants. */
	enum rtp_direction wish, told;
	struct media_desc reoffer; /* outstanding while `reoffered` */
	bool reoffered, overtaken; /* the other side's wish changed meanwhile */
	unsigned retries;
	struct silence silence; /* of the peer, once the call is answered */
};

struct bridge {
	struct call *call;
	struct gateway *gateway;
	struct side side[2];
	struct slot_pair *pair; /* channel ↔ channel */
	bool wanted, joined[2], relayed, closing, left;
	unsigned pending; /* answers of workers still to come */
	struct loop_timer retry;
	void (*closed)(void *arg);
	void *closed_arg;
	struct loop_deferred end;
};

static bool is_packets(const struct side *side)
{
	return side->leg && side->leg->ops->media_kind == LEG_MEDIA_PACKETS;
}

static bool is_channel(const struct side *side)
{
	return side->leg && side->leg->ops->media_kind == LEG_MEDIA_TDM;
}

static struct side *side_of(struct bridge *bridge, const struct leg *leg)
{
	return bridge->side[LEG_CALLER].leg == leg   ? &bridge->side[LEG_CALLER]
	       : bridge->side[LEG_CALLED].leg == leg ? &bridge->side[LEG_CALLED]
						     : NULL;
}

static struct side *other_of(struct bridge *bridge, const struct side *side)
{
	return &bridge->side[side == &bridge->side[0]];
}

static enum port_codec codec_of(enum conf_law law)
{
	return law == CONF_ULAW ? PORT_PCMU : PORT_PCMA;
}

static const char *codec_name(enum port_codec codec)
{
	return codec == PORT_PCMU ? "PCMU" : "PCMA";
}

static void seat(struct side *side, struct leg *leg)
{
	*side = (struct side){ .leg = leg, .wish = RTP_SENDRECV, .told = RTP_SENDRECV };
	if (is_packets(side))
		leg->ops->packets(leg, &side->home);
}

/* ---- Codecs ---- */

static bool trunk_has(const struct conf_trunk *trunk, const char *name)
{
	for (size_t i = 0; i < trunk->codec_count; i++)
		if (strcasecmp(codec_name(trunk->codecs[i] == CONF_PCMU ? PORT_PCMU : PORT_PCMA),
			       name) == 0)
			return true;
	return false;
}

/* The codec that the other side speaks or is about to, so that nothing need be converted; NULL: not
 * known. */
static const char *preferred(struct bridge *bridge, const struct side *side)
{
	struct side *other = other_of(bridge, side);

	if (is_channel(other))
		return codec_name(codec_of(other->leg->ops->law(other->leg)));
	if (other->agreed)
		return codec_name(other->terms.codec);
	for (unsigned i = 0; other->offered && i < other->theirs.codec_count; i++)
		if (trunk_has(other->home.trunk, other->theirs.codecs[i].name))
			return other->theirs.codecs[i].name;
	return NULL;
}

/* Moves a codec to the front, when it is there. */
static void put_first(struct media_desc *desc, const char *name)
{
	int i = name ? media_desc_find(desc, name) : -1;
	struct media_codec codec;

	if (i <= 0)
		return;
	codec = desc->codecs[i];
	memmove(&desc->codecs[1], &desc->codecs[0], (size_t)i * sizeof(codec));
	desc->codecs[0] = codec;
}

/* ---- Endpoints ---- */

static struct netaddr advertised_of(const struct side *side)
{
	struct netaddr address = side->home.advertised, local = rtp_local(side->rtp);

	netaddr_set_port(&address, netaddr_port(&local));
	return address;
}

static bool is_any(const struct netaddr *a)
{
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;

	if (netaddr_family(a) == AF_INET6)
		return memcmp(&a->u.in6.sin6_addr, &any6, sizeof(any6)) == 0;
	return netaddr_family(a) == AF_INET && a->u.in.sin_addr.s_addr == INADDR_ANY;
}

static const struct conf_sip_interface *interface_of(const struct machine_conf *conf,
						     const struct conf_trunk *trunk)
{
	for (size_t i = 0; i < conf->interface_count; i++)
		if (trunk->interface && strcmp(conf->interfaces[i].name, trunk->interface) == 0)
			return &conf->interfaces[i];
	return NULL;
}

/* A SIP interface on all addresses leaves the choice to the media section. */
static void choose_address(struct bridge *bridge, struct side *side)
{
	const struct machine_conf *conf = bridge->gateway->conf;
	const struct conf_sip_interface *interface = interface_of(conf, side->home.trunk);

	if (!interface || !is_any(&interface->address) || !netaddr_is_set(&conf->media.address))
		return;
	side->home.bind = conf->media.address;
	if (!interface->advertised)
		side->home.advertised = conf->media.address;
}

static int open_rtp(struct bridge *bridge, struct side *side)
{
	const struct conf_media *media = &bridge->gateway->conf->media;
	struct side *other = other_of(bridge, side);
	struct rtp_cfg cfg = { .dscp = media->dscp,
			       .jitter_ms = media->jitter_ms,
			       .line_codec = PORT_PCMA,
			       .cname = bridge->call->id };

	if (side->rtp || !is_packets(side))
		return 0;
	choose_address(bridge, side);
	cfg.address = side->home.bind;
	if (is_channel(other))
		cfg.line_codec = codec_of(other->leg->ops->law(other->leg));
	return rtp_create(&side->rtp, bridge->gateway->rtp_ports, &cfg, NULL, NULL);
}

static void step_done(void *arg);

static void close_rtp(struct bridge *bridge, struct side *side)
{
	if (!side->rtp)
		return;
	bridge->pending++;
	rtp_close(&side->rtp, step_done, bridge);
}

static struct worker *worker_for(struct bridge *bridge)
{
	struct gateway *gateway = bridge->gateway;

	for (unsigned i = 0; i < 2; i++)
		if (is_channel(&bridge->side[i]))
			return bridge->side[i].leg->ops->worker(bridge->side[i].leg);
	return gateway->workers[gateway->next_worker++ % gateway->worker_count];
}

/* ---- Joining ---- */

static int join_relay(struct bridge *bridge)
{
	struct worker *worker = worker_for(bridge);

	rtp_place(bridge->side[0].rtp, worker);
	rtp_place(bridge->side[1].rtp, worker);
	rtp_join(bridge->side[0].rtp, bridge->side[1].rtp);
	bridge->joined[0] = bridge->joined[1] = bridge->relayed = true;
	return 0;
}

static int join_channel(struct bridge *bridge, unsigned i, struct port *port)
{
	struct leg *leg = bridge->side[i].leg;
	int rc = bridge->joined[i] ? 0 : leg->ops->join(leg, port);

	if (rc == 0)
		bridge->joined[i] = true;
	/* No channel is agreed on yet: the next message that opens the media joins it. */
	return rc == -ENOTCONN ? 0 : rc;
}

static int join_packets(struct bridge *bridge, unsigned channel)
{
	struct side *packets = &bridge->side[!channel];

	rtp_place(packets->rtp, worker_for(bridge));
	return join_channel(bridge, channel, rtp_port(packets->rtp));
}

static int join_channels(struct bridge *bridge)
{
	struct leg *a = bridge->side[0].leg, *b = bridge->side[1].leg;
	int rc = 0;

	if (!bridge->pair)
		rc = slot_pair_create(&bridge->pair, codec_of(a->ops->law(a)),
				      codec_of(b->ops->law(b)),
				      bridge->gateway->conf->media.jitter_ms);
	for (unsigned i = 0; i < 2 && rc == 0; i++)
		rc = join_channel(bridge, i, slot_pair_port(bridge->pair, i));
	return rc;
}

/* ---- A peer that went away without a word ---- */

/* RTP, and RTCP for those that suppress silence. Who was told not to send, or says that he doesn't,
 * owes us nothing. */
static bool count_heard(const struct bridge *bridge, const struct side *side, uint64_t *heard)
{
	const struct rtp_counters *counters;

	if (!bridge->call->answered || !side->rtp || !side->agreed ||
	    !(side->terms.direction & RTP_RECVONLY))
		return false;
	counters = rtp_counters(side->rtp);
	*heard = counter_get(&counters->rx_packets) + counter_get(&counters->rx_rtcp);
	return true;
}

static bool caller_heard(void *arg, uint64_t *heard)
{
	struct bridge *bridge = arg;

	return count_heard(bridge, &bridge->side[LEG_CALLER], heard);
}

static bool called_heard(void *arg, uint64_t *heard)
{
	struct bridge *bridge = arg;

	return count_heard(bridge, &bridge->side[LEG_CALLED], heard);
}

static void fell_silent(void *arg)
{
	struct bridge *bridge = arg;

	call_note(bridge->call, "neither RTP nor RTCP is heard any more: cleared");
	call_hangup(bridge->call, q850(Q850_TIMER_EXPIRY, Q850_LOC_PRIVATE_LOCAL));
}

static void watch_silence(struct bridge *bridge)
{
	for (unsigned i = 0; i < 2; i++) {
		struct side *side = &bridge->side[i];

		if (is_packets(side) && side->agreed && side->home.trunk)
			silence_watch(&side->silence, bridge->gateway->loop,
				      (uint64_t)side->home.trunk->silence_timeout_s * 1000000,
				      i == LEG_CALLER ? caller_heard : called_heard, fell_silent,
				      bridge);
	}
}

static bool has_audio(const struct side *side)
{
	return is_channel(side) || side->agreed;
}

static int join(struct bridge *bridge)
{
	struct side *a = &bridge->side[0], *b = &bridge->side[1];

	if (!bridge->wanted || bridge->relayed || !has_audio(a) || !has_audio(b))
		return 0;
	watch_silence(bridge);
	if (is_packets(a) && is_packets(b))
		return join_relay(bridge);
	if (is_packets(a) || is_packets(b))
		return join_packets(bridge, is_packets(a) ? 1 : 0);
	return join_channels(bridge);
}

/* ---- Negotiation ---- */

static int agree(struct bridge *bridge, struct side *side)
{
	int rc = media_desc_agree(&side->terms, &side->ours, &side->theirs, side->home.trunk);

	if (rc < 0)
		return rc;
	side->agreed = true;
	rtp_configure(side->rtp, &side->terms);
	call_note(bridge->call, "media with %s: %s, %u ms%s", side->leg->endpoint->name,
		  codec_name(side->terms.codec), side->terms.ptime_ms,
		  side->terms.direction == RTP_SENDRECV   ? ""
		  : side->terms.direction == RTP_INACTIVE ? ", on hold"
		  : side->terms.direction == RTP_RECVONLY ? ", receiving only"
							  : ", sending only");
	return 0;
}

/* Answers an offer. `theirs` and the terms change only when it can be answered. */
static int answer(struct bridge *bridge, struct side *side, const struct media_desc *offer,
		  unsigned id)
{
	struct netaddr local = advertised_of(side);
	struct media_desc ours, theirs = *offer;
	const struct side *other = other_of(bridge, side);
	enum rtp_direction told = other->leg ? other->wish : RTP_SENDRECV;
	int rc;

	put_first(&theirs, preferred(bridge, side));
	rc = media_desc_answer(&ours, &theirs, side->home.trunk, &local, told);
	if (rc < 0)
		return rc;
	rc = leg_send(side->leg,
		      &(struct leg_message){ .type = LEG_ANSWER, .media = &ours, .id = id });
	if (rc < 0)
		return rc;
	side->ours = ours;
	side->theirs = theirs;
	side->offered = false;
	/* A way that was not given to the peer, its offer cannot ask for: one who was put on hold
	 * and repeats his terms does not hold. */
	side->wish = theirs.direction | (RTP_SENDRECV & ~media_desc_mirror(side->told));
	side->told = told;
	return agree(bridge, side);
}

static void make_offer(struct bridge *bridge, struct side *side)
{
	struct netaddr local = advertised_of(side);

	media_desc_offer(&side->ours, side->home.trunk, &local);
	put_first(&side->ours, preferred(bridge, side));
	side->asked = true;
}

/* ---- Hold (RFC 3264 8.4) ---- */

static void retry_due(struct loop_timer *timer, void *arg);

/* Offers `to` its own terms again, in the direction that the other side wants. Only between two
 * parties that talk: a hold of a channel's peer stays on its side. */
static void tell_wish(struct bridge *bridge, struct side *to)
{
	enum rtp_direction wish = other_of(bridge, to)->wish;
	int rc;

	to->overtaken = to->reoffered;
	if (!bridge->relayed || !bridge->call->answered || to->reoffered || wish == to->told)
		return;
	to->reoffer = to->ours;
	to->reoffer.direction = wish;
	put_first(&to->reoffer, codec_name(to->terms.codec));
	rc = leg_send(to->leg,
		      &(struct leg_message){ .type = LEG_OFFER, .media = &to->reoffer, .id = 1 });
	to->reoffered = rc == 0;
	if (rc == 0) {
		to->retries = 0;
	} else if (to->retries) {
		to->retries--;
		loop_timer_start(bridge->gateway->loop, &bridge->retry, RETRY_US, retry_due,
				 bridge);
	}
}

static void retry_due(struct loop_timer *timer, void *arg)
{
	struct bridge *bridge = arg;

	(void)timer;
	for (unsigned i = 0; i < 2; i++)
		if (bridge->side[i].retries)
			tell_wish(bridge, &bridge->side[i]);
}

/* The other side hears when this one has changed its mind, and only then: nobody is asked again
 * for what he refused. */
static void pass_wish(struct bridge *bridge, struct side *from, enum rtp_direction before)
{
	struct side *to = other_of(bridge, from);

	if (from->wish == before)
		return;
	to->retries = RETRIES;
	tell_wish(bridge, to);
}

/* The re-offer was answered or refused. It tells nobody anything, so that two sides cannot go on
 * for ever; but what the other side wanted meanwhile is still to be told. */
static void reoffer_over(struct bridge *bridge, struct side *side)
{
	side->reoffered = false;
	side->retries = 0;
	if (!side->overtaken)
		return;
	side->retries = RETRIES;
	tell_wish(bridge, side);
}

static int reoffer_answered(struct bridge *bridge, struct side *side,
			    const struct media_desc *theirs)
{
	struct media_desc ours = side->reoffer;
	struct rtp_media terms;

	side->told = ours.direction;
	/* No stream, or no codec: as good as a refusal. */
	if (netaddr_port(&theirs->rtp) &&
	    media_desc_agree(&terms, &ours, theirs, side->home.trunk) == 0) {
		side->ours = ours;
		side->theirs = *theirs;
		agree(bridge, side);
	}
	reoffer_over(bridge, side);
	return 0;
}

static int open_side(struct bridge *bridge, struct side *side)
{
	int rc = open_rtp(bridge, side);

	if (rc < 0 || !is_packets(side) || side->agreed || side->asked)
		return rc;
	if (side->offered)
		return answer(bridge, side, &side->theirs, side->offer_id);
	make_offer(bridge, side);
	return leg_send(side->leg,
			&(struct leg_message){ .type = LEG_OFFER, .media = &side->ours, .id = 1 });
}

static int take_offer(struct bridge *bridge, struct side *side, const struct leg_message *offer)
{
	enum rtp_direction before;

	if (!side->agreed) {
		side->theirs = *offer->media;
		side->offer_id = offer->id;
		side->offered = true;
		return bridge->wanted ? open_side(bridge, side) : 0;
	}
	before = side->wish;
	if (answer(bridge, side, offer->media, offer->id) < 0)
		leg_send(side->leg, &(struct leg_message){ .type = LEG_REFUSE,
							   .id = offer->id,
							   .cause = leg_cause_of(-ENOTSUP) });
	pass_wish(bridge, side, before);
	return 0;
}

/* More than one may come: each early dialog of a forked call brings its own. */
static int take_answer(struct bridge *bridge, struct side *side, const struct leg_message *message)
{
	enum rtp_direction before = side->wish;
	int rc;

	if (!side->rtp || side->ours.codec_count == 0)
		return 0;
	if (side->reoffered)
		return reoffer_answered(bridge, side, message->media);
	if (!netaddr_port(&message->media->rtp))
		return -ENOTSUP;
	side->theirs = *message->media;
	side->asked = false;
	/* What every offer of ours says; a hold is the peer's (RFC 3264 6.1). */
	side->ours.direction = RTP_SENDRECV;
	rc = agree(bridge, side);
	/* To an offer that the leg made by itself, for a re-INVITE without a description: a hold of
	 * the peer's ends with it. */
	if (rc == 0 && side->theirs.direction == RTP_SENDRECV)
		side->wish = RTP_SENDRECV;
	pass_wish(bridge, side, before);
	return rc;
}

/* ---- The table's functions ---- */

static int media_create(struct bridge **out, struct call *call)
{
	struct bridge *bridge = mem_zalloc(sizeof(*bridge));

	if (!bridge)
		return -ENOMEM;
	bridge->call = call;
	bridge->gateway = call->gateway;
	*out = bridge;
	return 0;
}

static int media_offered(struct bridge *bridge, struct leg *caller, const struct media_desc *offer,
			 unsigned id)
{
	struct side *side = &bridge->side[LEG_CALLER];
	struct media_desc unused;

	seat(side, caller);
	side->theirs = *offer;
	side->offer_id = id;
	side->offered = true;
	return media_desc_answer(&unused, offer, side->home.trunk, &side->home.advertised,
				 RTP_SENDRECV);
}

static int media_prepare(struct bridge *bridge, struct leg *called, const struct media_desc **offer)
{
	struct side *a = &bridge->side[LEG_CALLER], *b = &bridge->side[LEG_CALLED];
	int rc;

	*offer = NULL;
	if (!a->leg)
		seat(a, bridge->call->seats[LEG_CALLER]);
	seat(b, called);
	rc = open_rtp(bridge, a);
	if (rc == 0)
		rc = open_rtp(bridge, b);
	if (rc < 0 || !is_packets(b))
		return rc;
	make_offer(bridge, b);
	*offer = &b->ours;
	return 0;
}

static int media_open(struct bridge *bridge)
{
	int rc;

	bridge->wanted = true;
	rc = open_side(bridge, &bridge->side[LEG_CALLER]);
	if (rc == 0)
		rc = open_side(bridge, &bridge->side[LEG_CALLED]);
	return rc < 0 ? rc : join(bridge);
}

static int media_message(struct bridge *bridge, struct leg *from, const struct leg_message *message)
{
	struct side *side = side_of(bridge, from);
	int rc = 0;

	if (!side || !is_packets(side))
		return 0;
	if (message->type == LEG_OFFER)
		rc = take_offer(bridge, side, message);
	else if (message->type == LEG_ANSWER)
		rc = take_answer(bridge, side, message);
	else if (message->type == LEG_REFUSE && side->reoffered)
		reoffer_over(bridge, side);
	return rc < 0 ? rc : join(bridge);
}

static int media_dtmf(struct bridge *bridge, struct leg *to, unsigned event, unsigned duration_ms)
{
	struct side *side = to ? side_of(bridge, to) : NULL, *from;

	if (!side)
		return -ENOTSUP;
	if (side->rtp)
		return rtp_send_event(side->rtp, event, duration_ms);
	from = other_of(bridge, side);
	if (!is_channel(side) || !from->rtp || !bridge->joined[side - bridge->side])
		return -ENOTSUP;
	return rtp_play_digit(from->rtp, event, duration_ms);
}

/* Before audio flowed nothing is joined. The caller's endpoint goes too: the next gateway may be of
 * another law. */
static void media_drop(struct bridge *bridge, struct leg *called)
{
	struct side *b = &bridge->side[LEG_CALLED];

	if (b->leg != called)
		return;
	assert(!bridge->relayed && !bridge->joined[0] && !bridge->joined[1]);
	if (!bridge->side[LEG_CALLER].agreed && !bridge->side[LEG_CALLER].asked)
		close_rtp(bridge, &bridge->side[LEG_CALLER]);
	close_rtp(bridge, b);
	silence_stop(&b->silence);
	seat(b, NULL);
}

/* ---- Closing ---- */

static void tell_closed(void *arg)
{
	struct bridge *bridge = arg;

	slot_pair_destroy(&bridge->pair);
	bridge->closed(bridge->closed_arg);
	loop_free_later(bridge->gateway->loop, bridge);
}

static void step_done(void *arg)
{
	struct bridge *bridge = arg;

	if (--bridge->pending || !bridge->closing)
		return;
	if (bridge->left) {
		loop_defer(bridge->gateway->loop, &bridge->end, tell_closed, bridge);
		return;
	}
	bridge->left = true;
	bridge->pending++;
	close_rtp(bridge, &bridge->side[0]);
	close_rtp(bridge, &bridge->side[1]);
	step_done(bridge);
}

static void leave_channel(struct bridge *bridge, unsigned i)
{
	struct leg *leg = bridge->side[i].leg;

	if (!is_channel(&bridge->side[i]) || !bridge->joined[i])
		return;
	bridge->pending++;
	leg->ops->leave(leg, step_done, bridge);
}

static void media_close(struct bridge **out, void (*closed)(void *arg), void *arg)
{
	struct bridge *bridge = *out;

	*out = NULL;
	bridge->closing = true;
	loop_timer_stop(bridge->gateway->loop, &bridge->retry);
	silence_stop(&bridge->side[0].silence);
	silence_stop(&bridge->side[1].silence);
	bridge->closed = closed;
	bridge->closed_arg = arg;
	bridge->pending++;
	leave_channel(bridge, 0);
	leave_channel(bridge, 1);
	if (bridge->relayed) {
		bridge->pending++;
		rtp_leave(bridge->side[0].rtp, step_done, bridge);
	}
	step_done(bridge);
}

const struct bridge_ops bridge_media = {
	.create = media_create,
	.offered = media_offered,
	.prepare = media_prepare,
	.open = media_open,
	.message = media_message,
	.dtmf = media_dtmf,
	.drop = media_drop,
	.close = media_close,
};

/* ---- Queries ---- */

struct rtp_endpoint *bridge_rtp(const struct bridge *bridge, unsigned seat_index)
{
	return bridge->side[seat_index].rtp;
}

const char *bridge_codec(const struct bridge *bridge, unsigned seat_index)
{
	const struct side *side = &bridge->side[seat_index];

	return side->agreed ? codec_name(side->terms.codec) : NULL;
}
