/* SPDX-License-Identifier: GPL-2.0-only */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/store/crc32c.h"
#include "conf/store/spool.h"
#include "conf/store/spool_private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLOT_SIZE 1024
#define QUEUE_SIZE 65536

static struct fixture {
	char folder[64], path[96], error[512];
	struct spool_cfg cfg;
	struct spool *spool;
	long blocks;
	uint64_t ids[4096]; /* that were handed over */
	size_t count;
} fx;

static void ignore_log(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static int setup(void **state)
{
	(void)state;
	memset(&fx, 0, sizeof(fx));
	fx.blocks = mem_live_blocks();
	if (!getenv("CAUSEWAY_LOG"))
		log_set_sink(ignore_log, NULL);
	snprintf(fx.folder, sizeof(fx.folder), "/tmp/cw-spool-XXXXXX");
	if (!mkdtemp(fx.folder))
		return -1;
	snprintf(fx.path, sizeof(fx.path), "%s/spool", fx.folder);
	fx.cfg = (struct spool_cfg){ .path = fx.path,
				     .queue_size = QUEUE_SIZE,
				     .slots = 8,
				     .slot_size = SLOT_SIZE,
				     .format = 1 };
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	spool_close(&fx.spool);
	log_set_sink(NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf '%s'", fx.folder);
	assert_int_equal(system(command), 0);
	assert_int_equal(mem_live_blocks(), fx.blocks);
	return 0;
}

/* ---- Records that tell whether they are whole ---- */

struct record {
	uint64_t id;
	uint32_t length, version;
	uint8_t filling[SLOT_SIZE - 16];
};

static size_t make_record(struct record *r, uint64_t id, uint32_t version)
{
	r->id = id;
	r->version = version;
	r->length = (uint32_t)(16 + (id * 2654435761u + version * 40503u) % (SLOT_SIZE - 16));
	memset(r->filling, (int)(id * 31 + version), r->length - 16);
	return r->length;
}

static uint64_t whole(const void *octets, size_t length)
{
	struct record expected;
	struct record found;

	assert_true(length >= 16 && length <= sizeof(found));
	memcpy(&found, octets, length);
	assert_int_equal(make_record(&expected, found.id, found.version), length);
	assert_memory_equal(&found, &expected, length);
	return found.id;
}

static void open_spool(void)
{
	int rc = spool_open(&fx.spool, &fx.cfg, fx.error, sizeof(fx.error));

	if (rc)
		print_error("%s\n", fx.error);
	assert_int_equal(rc, 0);
}

static void reopen(void)
{
	spool_close(&fx.spool);
	open_spool();
}

static bool queue_one(uint64_t id)
{
	struct record r;
	size_t n = make_record(&r, id, 0);

	return spool_finish(fx.spool, SPOOL_NO_SLOT, &r, n);
}

static int hold_one(uint64_t id)
{
	struct record r;
	size_t n = make_record(&r, id, 0);

	return spool_hold(fx.spool, &r, n);
}

static void update_one(int slot, uint64_t id, uint32_t version)
{
	struct record r;
	size_t n = make_record(&r, id, version);

	spool_update(fx.spool, slot, &r, n);
}

static bool finish_one(int slot, uint64_t id)
{
	struct record r;
	size_t n = make_record(&r, id, 99);

	return spool_finish(fx.spool, slot, &r, n);
}

static void take_orphan(void *arg, const void *record, size_t length)
{
	(void)arg;
	fx.ids[fx.count++] = whole(record, length);
}

static size_t take_orphans(void)
{
	fx.count = 0;
	spool_orphans(fx.spool, take_orphan, NULL);
	return fx.count;
}

/* All that is queued, checked and taken out. */
static size_t drain(void)
{
	struct spool_record records[16];
	size_t n;

	fx.count = 0;
	while ((n = spool_peek(fx.spool, records, 16)) > 0) {
		for (size_t i = 0; i < n; i++) {
			fx.ids[fx.count++] = whole(records[i].octets, records[i].length);
			if (i)
				assert_int_equal(records[i].sequence, records[i - 1].sequence + 1);
		}
		spool_consume(fx.spool, n);
	}
	return fx.count;
}

static struct spool_state state_now(void)
{
	struct spool_state s;

	spool_state(fx.spool, &s);
	return s;
}

static bool file_there(const char *suffix)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", fx.path, suffix);
	return access(path, F_OK) == 0;
}

/* ---- CRC-32C ---- */

/* RFC 3720 appendix B.4; and the check value of the polynomial's usual description. */
static void test_crc_vectors(void **state)
{
	static const uint8_t read_pdu[48] = { 0x01,        0xc0,        [16] = 0x14, [22] = 0x04,
					      [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02 };
	uint8_t octets[32];

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	memset(octets, 0, 32);
	assert_int_equal(crc32c(0, octets, 32), 0x8a9136aa);
	memset(octets, 0xff, 32);
	assert_int_equal(crc32c(0, octets, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		octets[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, octets, 32), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		octets[i] = (uint8_t)(31 - i);
	assert_int_equal(crc32c(0, octets, 32), 0x113fdb5c);
	assert_int_equal(crc32c(0, read_pdu, 48), 0xd9963a56);
	assert_int_equal(crc32c_tables(0, read_pdu, 48), 0xd9963a56);
}

static void test_crc_pieces(void **state)
{
	uint8_t octets[300];

	(void)state;
	srand(1);
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)rand();
	for (size_t n = 0; n <= sizeof(octets); n++) {
		uint32_t all = crc32c(0, octets, n);
		size_t cut = n ? (size_t)rand() % n : 0;

		assert_int_equal(crc32c_tables(0, octets, n), all);
		assert_int_equal(crc32c(crc32c(0, octets, cut), octets + cut, n - cut), all);
	}
}

/* ---- Queue ---- */

static void test_order_and_wrap(void **state)
{
	uint64_t in = 0, out = 0;

	(void)state;
	open_spool();
	srand(2);
	for (int turn = 0; turn < 3000; turn++) {
		struct spool_record records[8];
		size_t n = (size_t)rand() % 8;

		for (int i = rand() % 8; i > 0; i--)
			in += queue_one(in);
		n = spool_peek(fx.spool, records, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(whole(records[i].octets, records[i].length), out + i);
		if (n)
			assert_int_equal(records[0].sequence, out);
		spool_consume(fx.spool, n);
		out += n;
		assert_int_equal(state_now().queued, in - out);
		if (turn % 100 == 0)
			reopen();
	}
	assert_true(in > 5000);
	assert_int_equal(state_now().damaged, 0);
	assert_false(file_there(".damaged"));
}

static void test_full(void **state)
{
	uint64_t n = 0;
	struct spool_state s;

	(void)state;
	open_spool();
	while (queue_one(n))
		n++;
	assert_false(queue_one(n));
	s = state_now();
	assert_true(s.queued == n && s.lost == 2 && s.finished == n);
	assert_true(s.queued_octets + 2 * (SLOT_SIZE + 32) > s.queue_size);
	assert_int_equal(s.oldest_sequence, 0);
	spool_consume(fx.spool, 3);
	assert_int_equal(state_now().oldest_sequence, 3);
	assert_true(queue_one(n));
	assert_int_equal(drain(), n - 2);
	assert_int_equal(fx.ids[0], 3);
	assert_int_equal(state_now().oldest_sequence, -1);
	assert_int_equal(state_now().queued_octets, 0);
}

static void test_too_long(void **state)
{
	static const uint8_t octets[SLOT_SIZE + 1];

	(void)state;
	open_spool();
	assert_int_equal(spool_hold(fx.spool, octets, sizeof(octets)), SPOOL_NO_SLOT);
	assert_false(spool_finish(fx.spool, SPOOL_NO_SLOT, octets, sizeof(octets)));
	assert_true(spool_finish(fx.spool, SPOOL_NO_SLOT, octets, SLOT_SIZE));
	assert_int_equal(state_now().lost, 1);
}

static bool rang(void)
{
	struct pollfd fd = { .fd = spool_event(fx.spool), .events = POLLIN };
	uint64_t count;

	if (poll(&fd, 1, 0) <= 0)
		return false;
	assert_int_equal(read(fd.fd, &count, sizeof(count)), sizeof(count));
	return true;
}

static void test_event(void **state)
{
	(void)state;
	open_spool();
	assert_false(rang());
	queue_one(1);
	queue_one(2);
	assert_true(rang());
	queue_one(3);
	assert_false(rang()); /* the reader is at work */
	assert_int_equal(drain(), 3);
	queue_one(4);
	assert_true(rang());
	reopen();
	assert_true(rang()); /* something is there from the beginning */
}

/* ---- Slots ---- */

static void test_slots(void **state)
{
	int slots[8];

	(void)state;
	open_spool();
	for (unsigned i = 0; i < 8; i++) {
		slots[i] = hold_one(i);
		assert_true(slots[i] >= 0);
	}
	assert_int_equal(hold_one(8), SPOOL_NO_SLOT);
	assert_true(state_now().no_slot == 1 && state_now().held == 8);
	update_one(SPOOL_NO_SLOT, 8, 1);
	spool_release(fx.spool, SPOOL_NO_SLOT);
	assert_true(finish_one(SPOOL_NO_SLOT, 8)); /* it is recorded all the same */
	for (uint32_t version = 1; version < 6; version++)
		update_one(slots[3], 3, version);
	spool_release(fx.spool, slots[0]);
	assert_true(finish_one(slots[5], 5));
	assert_int_equal(state_now().held, 6);
	assert_true(hold_one(9) >= 0);
	reopen();
	assert_int_equal(take_orphans(), 7);
	for (size_t i = 0; i < 7; i++) {
		static const uint64_t oldest_first[] = { 1, 2, 3, 4, 6, 7, 9 };

		assert_int_equal(fx.ids[i], oldest_first[i]);
	}
	assert_int_equal(take_orphans(), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_true(hold_one(i) >= 0);
	assert_int_equal(drain(), 2);
}

static uint32_t last_version;

static void note_version(void *arg, const void *record, size_t length)
{
	struct record r;

	(void)arg;
	whole(record, length);
	memcpy(&r, record, 16);
	last_version = r.version;
}

static void test_orphan_is_newest(void **state)
{
	(void)state;
	for (uint32_t versions = 0; versions < 5; versions++) {
		int slot;

		if (!fx.spool)
			open_spool();
		slot = hold_one(7);
		for (uint32_t v = 1; v <= versions; v++)
			update_one(slot, 7, v);
		reopen();
		spool_orphans(fx.spool, note_version, NULL);
		assert_int_equal(last_version, versions);
	}
}

/* ---- Another process, other sizes, other formats ---- */

static void test_locked(void **state)
{
	struct spool *second = NULL;

	(void)state;
	open_spool();
	assert_int_equal(spool_open(&second, &fx.cfg, fx.error, sizeof(fx.error)), -EAGAIN);
	assert_null(second);
	assert_non_null(strstr(fx.error, "twice"));
	reopen();
}

static void test_resize(void **state)
{
	static const struct spool_cfg sizes[] = {
		{ .queue_size = 4 * QUEUE_SIZE, .slots = 100, .slot_size = 4000 },
		{ .queue_size = QUEUE_SIZE, .slots = 1, .slot_size = 100 },
		{ .queue_size = QUEUE_SIZE, .slots = 8, .slot_size = SLOT_SIZE },
	};

	(void)state;
	open_spool();
	for (uint64_t i = 0; i < 50; i++)
		assert_true(queue_one(i));
	spool_consume(fx.spool, 10);
	for (uint64_t i = 100; i < 104; i++)
		assert_true(hold_one(i) >= 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		fx.cfg.queue_size = sizes[i].queue_size;
		fx.cfg.slots = sizes[i].slots;
		fx.cfg.slot_size = sizes[i].slot_size;
		reopen();
		assert_true(state_now().queued == 40 && state_now().damaged == 0);
		assert_int_equal(state_now().oldest_sequence, 50 + 40 * (int64_t)i);
	}
	assert_int_equal(take_orphans(), 4);
	assert_true(fx.ids[0] == 100 && fx.ids[3] == 103);
	assert_int_equal(drain(), 40);
	assert_true(fx.ids[0] == 10 && fx.ids[39] == 49);
	assert_false(file_there(".damaged"));
	assert_false(file_there(".new"));
}

static void requeue_orphan(void *arg, const void *record, size_t length)
{
	(void)arg;
	assert_true(spool_finish(fx.spool, SPOOL_NO_SLOT, record, length));
}

/* Less room than what waits needs: calls that were in progress find theirs all the same. */
static void test_shrunk_with_orphans(void **state)
{
	uint64_t queued = 0;

	(void)state;
	fx.cfg.queue_size = 4 * QUEUE_SIZE;
	fx.cfg.slots = 64;
	open_spool();
	while (state_now().queued_octets < 2 * QUEUE_SIZE)
		assert_true(queue_one(queued++));
	for (uint64_t i = 0; i < 64; i++)
		assert_true(hold_one(1000 + i) >= 0);
	fx.cfg.queue_size = QUEUE_SIZE;
	reopen();
	spool_orphans(fx.spool, requeue_orphan, NULL);
	assert_int_equal(state_now().lost, 0);
	assert_int_equal(drain(), queued + 64);
}

static void test_other_format(void **state)
{
	(void)state;
	open_spool();
	assert_true(queue_one(1));
	fx.cfg.format = 2;
	reopen();
	assert_true(file_there(".format-1"));
	assert_int_equal(state_now().queued, 0);
	/* Empty: nothing to keep. */
	fx.cfg.format = 3;
	reopen();
	assert_false(file_there(".format-2"));
	/* A call in progress is something. */
	assert_true(hold_one(1) >= 0);
	fx.cfg.format = 1;
	reopen();
	assert_true(file_there(".format-3"));
	assert_int_equal(take_orphans(), 0);
	/* Another of the same format does not take its place. */
	assert_true(queue_one(2));
	fx.cfg.format = 2;
	reopen();
	assert_true(file_there(".format-1.2"));
	spool_close(&fx.spool);
	snprintf(fx.path, sizeof(fx.path), "%s/spool.format-1", fx.folder);
	fx.cfg.format = 1;
	open_spool();
	assert_int_equal(drain(), 1);
}

/* ---- Damage ---- */

static void fill_and_close(uint64_t count)
{
	open_spool();
	for (uint64_t i = 0; i < count; i++)
		assert_true(queue_one(i));
	hold_one(1000);
	hold_one(1001);
	spool_close(&fx.spool);
}

static void spoil(off_t at, size_t n)
{
	uint8_t octets[16384];
	int fd = open(fx.path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0 && n <= sizeof(octets));
	for (size_t i = 0; i < n; i++)
		octets[i] = (uint8_t)(i * 7 + 1);
	assert_int_equal(pwrite(fd, octets, n, at), (ssize_t)n);
	close(fd);
}

static struct spool_layout layout_of_file(void)
{
	struct spool_layout l;
	struct spool_geometry g;
	int fd = open(fx.path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, &g, sizeof(g), 0), sizeof(g));
	close(fd);
	assert_true(spool_lay_out(&g, &l));
	return l;
}

/* Where record `id` of fill_and_close() begins in the file. */
static off_t place_of(uint64_t id)
{
	off_t at = (off_t)layout_of_file().ring_at;
	struct record r;

	for (uint64_t i = 0; i < id; i++)
		at += (off_t)(sizeof(struct spool_header) + spool_padded(make_record(&r, i, 0)));
	return at;
}

static void expect_damage(uint64_t damaged, size_t records, size_t orphans)
{
	open_spool();
	assert_int_equal(state_now().damaged, damaged);
	assert_true(file_there(".damaged"));
	assert_int_equal(take_orphans(), orphans);
	assert_int_equal(drain(), records);
	/* At work as ever, and whole when opened again. */
	assert_true(queue_one(77));
	reopen();
	assert_int_equal(state_now().damaged, 0);
	assert_int_equal(drain(), 1);
}

static void test_torn_last_record(void **state)
{
	(void)state;
	fill_and_close(20);
	spoil(place_of(20) - 12, 4); /* 8 may be padding */
	expect_damage(1, 19, 2);
	assert_int_equal(fx.ids[0], 77);
}

/* What stands behind the damage is found too. */
static void test_hole_in_the_middle(void **state)
{
	(void)state;
	fill_and_close(20);
	spoil(place_of(5) + 2, (size_t)(place_of(8) - place_of(5)));
	expect_damage(4, 16, 2);
}

static void test_first_record(void **state)
{
	(void)state;
	fill_and_close(20);
	spoil(place_of(0), 8);
	expect_damage(1, 19, 2);
}

static void test_geometry_lost(void **state)
{
	(void)state;
	fill_and_close(20);
	spoil(0, SPOOL_PAGE);
	expect_damage(1, 20, 2);
}

static void test_positions_lost(void **state)
{
	(void)state;
	fill_and_close(20);
	spoil(SPOOL_PAGE, 256);
	expect_damage(1, 20, 2);
}

static void test_slot_lost(void **state)
{
	struct spool_layout l;

	(void)state;
	fill_and_close(20);
	l = layout_of_file();
	/* Both halves of the first slot (the last record is not lost: its state is). */
	spoil((off_t)(l.slots_at + 8), l.slot - 8);
	expect_damage(1, 20, 1);
}

static void patch(off_t at, uint64_t value)
{
	int fd = open(fx.path, O_RDWR | O_CLOEXEC);

	assert_int_equal(pwrite(fd, &value, sizeof(value), at), sizeof(value));
	close(fd);
}

/* Killed between a record and the position behind it: it is there, and is not written over. */
static void test_head_not_written(void **state)
{
	struct spool_layout l;

	(void)state;
	fill_and_close(5);
	l = layout_of_file();
	patch(SPOOL_PAGE, (uint64_t)(place_of(4) - (off_t)l.ring_at));
	open_spool();
	assert_int_equal(state_now().damaged, 0);
	assert_true(queue_one(5));
	assert_int_equal(drain(), 6);
	assert_int_equal(fx.ids[4], 4);
}

/* What is left before the end of a lap is nothing that waits. */
static void test_empty_near_the_end(void **state)
{
	static const uint8_t octets[SLOT_SIZE];
	struct spool_record records[64];

	(void)state;
	open_spool();
	for (int i = 0; i < 63; i++)
		assert_true(spool_finish(fx.spool, SPOOL_NO_SLOT, octets, 1024 - 32));
	assert_true(spool_finish(fx.spool, SPOOL_NO_SLOT, octets, 1000 - 32));
	assert_int_equal(spool_peek(fx.spool, records, 64), 64);
	spool_consume(fx.spool, 64);
	reopen();
	assert_false(rang());
	assert_int_equal(state_now().queued_octets, 0);
	assert_true(queue_one(1));
	assert_true(rang());
	assert_int_equal(drain(), 1);
}

/* The state of a slot reached the disk, the half that it speaks of did not: what an earlier use has
 * left in that half does not stand for it when there is better. */
static void stale_half(unsigned slots_after)
{
	uint64_t highest = 0;
	int slot;

	fx.cfg.slots = 1;
	open_spool();
	slot = hold_one(1);
	update_one(slot, 1, 1);
	update_one(slot, 1, 2);
	spool_release(fx.spool, slot);
	for (unsigned i = 0; i < 2; i++) {
		if (spool_half_at(fx.spool, 0, i)->stamp > highest)
			highest = spool_half_at(fx.spool, 0, i)->stamp;
	}
	reopen();
	assert_true(hold_one(2) >= 0); /* half 0 */
	assert_true(spool_half_at(fx.spool, 0, 0)->stamp > highest);
	atomic_store(&spool_slot_at(fx.spool, 0)->state,
		     spool_half_at(fx.spool, 0, 0)->stamp + 3); /* half 1, which still is of id 1 */
	fx.cfg.slots = slots_after;
	reopen();
	assert_int_equal(take_orphans(), 1);
	assert_int_equal(fx.ids[0], 2);
	spool_close(&fx.spool);
}

static void test_stale_half(void **state)
{
	(void)state;
	stale_half(1);
	stale_half(2); /* the file is rebuilt */
}

/* Of two halves the other serves. */
static void test_half_lost(void **state)
{
	struct spool_layout l;
	int slot;

	(void)state;
	open_spool();
	slot = hold_one(7);
	update_one(slot, 7, 1);
	spool_close(&fx.spool);
	l = layout_of_file();
	spoil((off_t)(l.slots_at + (size_t)slot * l.slot + 8 + l.half), l.half);
	open_spool();
	spool_orphans(fx.spool, note_version, NULL);
	assert_int_equal(last_version, 0);
}

static void test_no_spool_at_all(void **state)
{
	static const size_t sizes[] = { 1, 100, SPOOL_PAGE - 1, SPOOL_PAGE, 3 * SPOOL_PAGE + 5 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int fd = open(fx.path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		close(fd);
		spoil(0, sizes[i]);
		expect_damage(1, 0, 0);
		spool_close(&fx.spool);
		unlink(fx.path);
	}
	assert_true(file_there(".damaged.2"));
}

static void test_truncated(void **state)
{
	size_t total;

	(void)state;
	fill_and_close(20);
	total = layout_of_file().total;
	for (size_t size = total - 1; size > 0; size = size > 5000 ? size - 5000 : size / 2) {
		size_t ring_at = layout_of_file().ring_at;
		struct spool_state s;

		spool_close(&fx.spool);
		assert_int_equal(truncate(fx.path, (off_t)size), 0);
		open_spool();
		s = state_now();
		assert_true(s.damaged >= 1);
		if (size > ring_at + QUEUE_SIZE / 2)
			assert_int_equal(s.queued, 20);
		drain();
		take_orphans();
		spool_close(&fx.spool);
		unlink(fx.path);
		fill_and_close(20);
	}
}

/* Kept aside are so many; the last is then replaced: no disk is filled. */
static void test_aside_is_bounded(void **state)
{
	(void)state;
	for (int i = 0; i < 14; i++) {
		fill_and_close(20);
		spoil(place_of(0), 8);
		open_spool();
		drain();
		take_orphans();
		spool_close(&fx.spool);
		unlink(fx.path);
	}
	assert_true(file_there(".damaged.9"));
	assert_false(file_there(".damaged.10"));
}

/* ---- Places that refuse ---- */

static void expect_refusal(int rc, const char *words)
{
	assert_int_equal(spool_open(&fx.spool, &fx.cfg, fx.error, sizeof(fx.error)), rc);
	assert_null(fx.spool);
	if (!strstr(fx.error, words))
		print_error("%s\n", fx.error);
	assert_non_null(strstr(fx.error, words));
}

static void test_no_folder(void **state)
{
	(void)state;
	fx.cfg.path = "/nonexistent/folder/spool";
	expect_refusal(-ENOENT, "folder");
}

static void test_read_only(void **state)
{
	(void)state;
	if (geteuid() == 0) {
		/* Root is refused only by what can't be written at all. */
		fx.cfg.path = "/proc/version";
		assert_true(spool_open(&fx.spool, &fx.cfg, fx.error, sizeof(fx.error)) < 0);
		return;
	}
	open_spool();
	spool_close(&fx.spool);
	chmod(fx.path, 0400);
	expect_refusal(-EACCES, "owner and mode");
}

static void test_disk_full(void **state)
{
	struct rlimit before, small = { .rlim_cur = 40000 };

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	expect_refusal(-ENOSPC, "make room");
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_DFL);
	assert_false(file_there(".new"));
	open_spool();
	/* Larger can't be had: the records stay where they are. */
	assert_true(queue_one(1));
	spool_close(&fx.spool);
	signal(SIGXFSZ, SIG_IGN);
	small.rlim_cur = 200000;
	setrlimit(RLIMIT_FSIZE, &small);
	fx.cfg.queue_size = 1 << 20;
	expect_refusal(-ENOSPC, "MiB can't be had");
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_DFL);
	fx.cfg.queue_size = QUEUE_SIZE;
	open_spool();
	assert_int_equal(drain(), 1);
}

/* Every allocation fails once; the file stays what it was. */
static void test_allocation_failures(void **state)
{
	long n = 0;
	int rc;

	(void)state;
	fill_and_close(20);
	spoil(place_of(3), 8); /* the way through repair allocates most */
	do {
		mem_fail_after(n++);
		rc = spool_open(&fx.spool, &fx.cfg, fx.error, sizeof(fx.error));
		mem_fail_after(-1);
		assert_true(rc == 0 || (rc == -ENOMEM && !fx.spool && fx.error[0]));
	} while (rc < 0);
	assert_true(n > 3);
	assert_int_equal(take_orphans(), 2);
	assert_int_equal(drain(), 19);
}

/* ---- Two threads ---- */

#define THREADED 20000

static void *read_all(void *arg)
{
	struct pollfd fd = { .fd = spool_event(fx.spool), .events = POLLIN };
	struct spool_record records[32];
	uint64_t expected = 0, count;
	size_t *bad = arg, n;

	while (expected < THREADED) {
		n = spool_peek(fx.spool, records, 32);
		if (!n) {
			poll(&fd, 1, 10000);
			if (read(fd.fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
				return NULL;
			continue;
		}
		for (size_t i = 0; i < n; i++) {
			struct record r, want;
			size_t length = make_record(&want, expected++, 99);

			memcpy(&r, records[i].octets, 16);
			*bad += records[i].length != length ||
				memcmp(records[i].octets, &want, length) != 0;
		}
		if (expected % 5000 < 32)
			spool_sync(fx.spool);
		spool_consume(fx.spool, n);
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	pthread_t reader;
	size_t bad = 0;

	(void)state;
	open_spool();
	assert_int_equal(pthread_create(&reader, NULL, read_all, &bad), 0);
	for (uint64_t i = 0; i < THREADED; i++) {
		int slot = hold_one(i);

		update_one(slot, i, 1);
		while (state_now().queued_octets + 4 * SLOT_SIZE > QUEUE_SIZE)
			sched_yield();
		assert_true(finish_one(slot, i));
	}
	pthread_join(reader, NULL);
	assert_int_equal(bad, 0);
	assert_int_equal(state_now().lost, 0);
}

/* ---- kill -9 ---- */

#define KILLS 400
#define KILL_BUDGET_MS 5000
#define NEWS_ROOM 1000000

/* Told through a pipe: 'F' when the call that finishes a record has returned, 'C' before records
 * are taken out (a database has committed them then). */
struct news {
	uint64_t id;
	char what;
};

static void tell(int pipe, char what, uint64_t id)
{
	const struct news n = { .id = id, .what = what };

	if (write(pipe, &n, sizeof(n)) != sizeof(n))
		_exit(1);
}

static void take_some(int pipe)
{
	struct spool_record records[16];
	size_t n = spool_peek(fx.spool, records, 16);

	for (size_t i = 0; i < n; i++)
		tell(pipe, 'C', whole(records[i].octets, records[i].length));
	spool_consume(fx.spool, n);
}

static void work_until_killed(int pipe, uint64_t id)
{
	int slots[4];

	if (spool_open(&fx.spool, &fx.cfg, fx.error, sizeof(fx.error)) < 0)
		_exit(2);
	spool_orphans(fx.spool, note_version, NULL);
	for (;; id += 4) {
		for (unsigned i = 0; i < 4; i++)
			slots[i] = hold_one(id + i);
		for (unsigned i = 0; i < 4; i++)
			update_one(slots[i], id + i, 1);
		for (unsigned i = 0; i < 4; i++) {
			if (!finish_one(slots[i], id + i))
				_exit(3);
			tell(pipe, 'F', id + i);
		}
		if (id % 3 == 0)
			take_some(pipe);
	}
}

static size_t news_count;
static uint8_t *finished, *committed, *queued;

static void read_news(int pipe)
{
	struct news n;

	while (read(pipe, &n, sizeof(n)) == sizeof(n)) {
		assert_true(n.id < NEWS_ROOM);
		(n.what == 'F' ? finished : committed)[n.id] = 1;
		news_count++;
	}
}

/* One life; the next id that nobody has had. */
static uint64_t live_and_die(uint64_t id)
{
	struct timespec life = { .tv_nsec = 200000 + rand() % 9000000 };
	int ends[2], status = 0;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		work_until_killed(ends[1], id);
	}
	close(ends[1]);
	nanosleep(&life, NULL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	read_news(ends[0]);
	close(ends[0]);
	while (id < NEWS_ROOM &&
	       (finished[id] || finished[id + 1] || finished[id + 2] || finished[id + 3]))
		id += 4;
	return id + 4;
}

/* Each id that was told as finished is queued once or was committed; nothing twice, all whole. */
static void check_after_death(uint64_t from, uint64_t to)
{
	size_t n;

	open_spool();
	assert_int_equal(state_now().damaged, 0);
	take_orphans();
	assert_true(fx.count <= 4);
	memset(queued + from, 0, to - from);
	n = drain();
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(queued[fx.ids[i]], 0);
		queued[fx.ids[i]] = 1;
	}
	for (uint64_t id = from; id < to; id++)
		assert_true(!finished[id] || queued[id] || committed[id]);
	spool_close(&fx.spool);
}

static uint64_t ms_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void test_killed_at_any_moment(void **state)
{
	uint64_t until_ms = ms_now() + KILL_BUDGET_MS, id = 0, kills = 0;

	(void)state;
	finished = calloc(1, NEWS_ROOM + 8);
	committed = calloc(1, NEWS_ROOM + 8);
	queued = calloc(1, NEWS_ROOM + 8);
	news_count = 0;
	srand((unsigned)getpid());
	for (; kills < KILLS && ms_now() < until_ms && id < NEWS_ROOM - 20000; kills++) {
		uint64_t from = id;

		id = live_and_die(id);
		check_after_death(from, id);
	}
	print_message("%llu kills, %zu messages, %llu records\n", (unsigned long long)kills,
		      news_count, (unsigned long long)id);
	assert_true(kills > 20 && news_count > 1000);
	free(finished);
	free(committed);
	free(queued);
}

#define SPOOL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(test_crc_vectors),
		SPOOL_TEST(test_crc_pieces),
		SPOOL_TEST(test_order_and_wrap),
		SPOOL_TEST(test_full),
		SPOOL_TEST(test_too_long),
		SPOOL_TEST(test_event),
		SPOOL_TEST(test_slots),
		SPOOL_TEST(test_orphan_is_newest),
		SPOOL_TEST(test_locked),
		SPOOL_TEST(test_resize),
		SPOOL_TEST(test_shrunk_with_orphans),
		SPOOL_TEST(test_other_format),
		SPOOL_TEST(test_torn_last_record),
		SPOOL_TEST(test_hole_in_the_middle),
		SPOOL_TEST(test_first_record),
		SPOOL_TEST(test_geometry_lost),
		SPOOL_TEST(test_positions_lost),
		SPOOL_TEST(test_slot_lost),
		SPOOL_TEST(test_half_lost),
		SPOOL_TEST(test_head_not_written),
		SPOOL_TEST(test_empty_near_the_end),
		SPOOL_TEST(test_stale_half),
		SPOOL_TEST(test_no_spool_at_all),
		SPOOL_TEST(test_truncated),
		SPOOL_TEST(test_aside_is_bounded),
		SPOOL_TEST(test_no_folder),
		SPOOL_TEST(test_read_only),
		SPOOL_TEST(test_disk_full),
		SPOOL_TEST(test_allocation_failures),
		SPOOL_TEST(test_two_threads),
		SPOOL_TEST(test_killed_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
