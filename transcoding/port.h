/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TRANSCODING_PORT_H
#define TRANSCODING_PORT_H

/* The media port: where audio enters or leaves something. Two ports that face each other are a
 * call.
 *
 * How does it work? A port either has a clock of its own (a B-channel: the line's) and then, once
 * per block, pushes what it received into its peer and pulls what it shall send from it; or it has
 * none (an RTP endpoint, a tone) and is pushed to and pulled from. Two ports without a clock (RTP ↔
 * RTP) push to each other as packets arrive.
 *
 * Thread: the worker that the port is joined on. No waiting, no allocation, no logging in push and
 * pull. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum port_codec { PORT_PCMA, PORT_PCMU, PORT_L16 };

struct port_format {
	enum port_codec codec;
	uint32_t rate_hz; /* sampling rate */
	uint8_t channels;
};

enum frame_kind {
	FRAME_AUDIO,
	FRAME_EVENT, /* RFC 4733 telephone-event payload as it came */
	FRAME_NOISE, /* RFC 3389 comfort noise payload */
};

/* A piece of media. `octets` is borrowed for the call. */
struct frame {
	const uint8_t *octets;
	size_t length; /* octets */
	enum frame_kind kind;
	uint32_t timestamp; /* in samples of the port's format; meaningful when timed */
	bool timed;         /* came from RTP: timestamp and marker are set */
	bool marker;
};

struct port;

struct port_ops {
	const char *name;
	/* Take a frame in the port's format. Any length up to 4,096 octets. */
	void (*push)(struct port *port, const struct frame *frame);
	/* Fill `n` octets of the port's format; always fills all (concealment or silence when there
	 * is nothing). Returns how many of them were real. */
	size_t (*pull)(struct port *port, uint8_t *octets, size_t n);
};

struct port {
	const struct port_ops *ops;
	struct port_format format;
};

/* See struct port_ops. */
static inline void port_push(struct port *port, const struct frame *frame)
{
	port->ops->push(port, frame);
}

static inline size_t port_pull(struct port *port, uint8_t *octets, size_t n)
{
	return port->ops->pull(port, octets, n);
}

#endif
