/* SPDX-License-Identifier: GPL-2.0-only */
/* Any octets as the file of a spool: it opens, what it hands out is within bounds, and it works and
 * is whole afterwards. The first octet chooses: the rest is the file; or it changes a good file,
 * place by place, with its checksums as they were or set right again. */
#include "base/log.h"
#include "conf/store/spool_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOT_SIZE 200
#define RECORDS 40

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t length);

static char folder[64], path[96];
static uint8_t *good, *changed; /* a whole file, and a copy to spoil */
static size_t good_size;
static struct spool_layout layout;

static const struct spool_cfg cfg = {
	.path = path, .queue_size = 65536, .slots = 4, .slot_size = SLOT_SIZE, .format = 1
};

static void check(bool right)
{
	if (!right)
		abort();
}

/* The file and all that was kept aside. */
static void remove_files(void)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

static void remove_folder(void)
{
	remove_files();
	rmdir(folder);
}

static void write_file(const uint8_t *octets, size_t length)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check(fd >= 0 && write(fd, octets, length) == (ssize_t)length);
	close(fd);
}

static void make_good(void)
{
	uint8_t record[SLOT_SIZE];
	struct spool *spool;
	char error[256];
	int fd;

	log_set_level(LOG_LEVEL_ERROR);
	log_set_output(open("/dev/null", O_WRONLY | O_CLOEXEC), 0);
	snprintf(folder, sizeof(folder), "%s/cw-fuzz-spool-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	check(mkdtemp(folder));
	atexit(remove_folder);
	snprintf(path, sizeof(path), "%s/spool", folder);
	check(spool_open(&spool, &cfg, error, sizeof(error)) == 0);
	for (unsigned i = 0; i < RECORDS; i++) {
		memset(record, (int)i, sizeof(record));
		check(spool_finish(spool, SPOOL_NO_SLOT, record, i * 5));
	}
	spool_consume(spool, 5);
	check(spool_hold(spool, record, 17) >= 0 && spool_hold(spool, record, SLOT_SIZE) >= 0);
	layout = spool->layout;
	spool_close(&spool);
	good_size = layout.total;
	good = malloc(good_size);
	changed = malloc(good_size);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check(good && changed && read(fd, good, good_size) == (ssize_t)good_size);
	close(fd);
}

/* The parts with a meaning are small: two octets choose one of them and a place in it. */
static size_t place(unsigned two)
{
	static const size_t widths[] = { 64, 192, 512, 2048 };
	const size_t starts[] = { 0, SPOOL_PAGE, layout.slots_at, layout.ring_at };
	unsigned part = two & 3;

	return starts[part] + (two >> 2) % widths[part];
}

static void set_right(void)
{
	struct spool_geometry *g = (void *)changed;
	uint64_t queue_size = layout.copy_at - layout.ring_at;

	g->crc = spool_geometry_crc(g);
	for (uint64_t at = 0; at + sizeof(struct spool_header) < 8192 && at < queue_size; at += 8) {
		struct spool_header *h = (void *)(changed + layout.ring_at + at);

		if (h->magic == SPOOL_RECORD && h->length < 4096)
			h->crc = spool_header_crc(h, h + 1);
	}
	for (unsigned i = 0; i < 8; i++) {
		struct spool_half *h = (void *)(changed + layout.slots_at + (i / 2) * layout.slot +
						sizeof(struct spool_slot) + (i % 2) * layout.half);

		if (h->length < 4096)
			h->crc = spool_half_crc(h, h + 1);
	}
}

static void write_changed(const uint8_t *octets, size_t length, bool right)
{
	memcpy(changed, good, good_size);
	for (; length >= 3; octets += 3, length -= 3)
		changed[place((unsigned)octets[0] | (unsigned)octets[1] << 8)] ^= octets[2];
	if (right)
		set_right();
	write_file(changed, good_size);
}

static void take(void *arg, const void *record, size_t length)
{
	volatile uint8_t sum = 0;

	(void)arg;
	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)record)[i]);
}

static size_t drain(struct spool *spool)
{
	struct spool_record records[16];
	struct spool_state s;
	size_t n, all = 0;

	while ((n = spool_peek(spool, records, 16)) > 0) {
		for (size_t i = 0; i < n; i++)
			take(NULL, records[i].octets, records[i].length);
		spool_consume(spool, n);
		all += n;
	}
	spool_state(spool, &s);
	check(s.queued == 0 && s.queued_octets < 64);
	return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t length)
{
	struct spool *spool = NULL;
	struct spool_state s;
	char error[256];

	if (!good)
		make_good();
	if (!length)
		return 0;
	remove_files();
	if (octets[0] % 3 == 0)
		write_file(octets + 1, length - 1);
	else
		write_changed(octets + 1, length - 1, octets[0] % 3 == 1);
	check(spool_open(&spool, &cfg, error, sizeof(error)) == 0);
	spool_state(spool, &s);
	check(s.queued <= s.queued_octets / 32 + 1);
	spool_orphans(spool, take, NULL);
	drain(spool);
	check(spool_finish(spool, SPOOL_NO_SLOT, "whole", 5));
	spool_close(&spool);
	check(spool_open(&spool, &cfg, error, sizeof(error)) == 0);
	spool_state(spool, &s);
	check(s.damaged == 0 && s.queued == 1);
	check(drain(spool) == 1);
	spool_close(&spool);
	return 0;
}
