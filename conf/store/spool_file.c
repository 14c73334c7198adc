/* SPDX-License-Identifier: GPL-2.0-only */
/* Opening a spool. The file that is there is read as an image of doubtful octets: only what its
 * checksums vouch for counts. When it is whole and of the wanted sizes it is mapped as it is;
 * otherwise what was found goes into FILE.new, which takes its name when it is complete and on the
 * disk, so that a kill at any moment leaves one file with everything. */
#include "conf/store/crc32c.h"
#include "conf/store/spool_private.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASIDE_MOST 9 /* files kept aside of one kind; the last is then replaced */

struct found {
	const uint8_t *octets;
	uint32_t length;
	uint64_t order;    /* position, or when the slot was taken */
	uint64_t sequence; /* of a record; stamp of a half */
};

struct finds {
	struct found *all;
	size_t count, room;
};

/* The file as it was found. */
struct image {
	const uint8_t *octets;
	size_t size;
	bool known; /* it has a geometry of ours */
	struct spool_geometry geometry;
	struct spool_layout layout;
	uint64_t head, tail, sequence; /* as stored, then as found */
	struct finds records, orphans;
	uint64_t damaged;
};

/* ---- Geometry ---- */

uint32_t spool_geometry_crc(const struct spool_geometry *g)
{
	return crc32c(0, g, offsetof(struct spool_geometry, crc));
}

static size_t pages(uint64_t octets)
{
	return (size_t)((octets + SPOOL_PAGE - 1) / SPOOL_PAGE * SPOOL_PAGE);
}

bool spool_lay_out(const struct spool_geometry *g, struct spool_layout *out)
{
	if (g->slots > SPOOL_MOST_SLOTS || g->slot_size > SPOOL_MOST_OCTETS || !g->slot_size ||
	    g->queue_size > SPOOL_MOST_QUEUE || g->queue_size % SPOOL_PAGE || !g->queue_size)
		return false;
	out->half = sizeof(struct spool_half) + spool_padded(g->slot_size);
	out->slot = sizeof(struct spool_slot) + 2 * out->half;
	out->slots_at = 2 * SPOOL_PAGE;
	out->ring_at = out->slots_at + pages((uint64_t)g->slots * out->slot);
	out->copy_at = out->ring_at + g->queue_size;
	out->total = out->copy_at + SPOOL_PAGE;
	return true;
}

static struct spool_geometry geometry_for(const struct spool_cfg *cfg, const struct image *image,
					  bool anew)
{
	struct spool_geometry g = { .magic = SPOOL_MAGIC,
				    .version = SPOOL_VERSION,
				    .format = cfg->format,
				    .slots = cfg->slots,
				    .slot_size = (uint32_t)spool_padded(cfg->slot_size) };
	uint64_t octets = 0, least;

	if (image->orphans.count > g.slots)
		g.slots = (uint32_t)image->orphans.count;
	for (size_t i = 0; i < image->orphans.count; i++) {
		if (image->orphans.all[i].length > g.slot_size)
			g.slot_size = (uint32_t)spool_padded(image->orphans.all[i].length);
	}
	for (size_t i = 0; i < image->records.count; i++) {
		if (image->records.all[i].length > g.slot_size)
			g.slot_size = (uint32_t)spool_padded(image->records.all[i].length);
		octets += sizeof(struct spool_header) + spool_padded(image->records.all[i].length);
	}
	/* They will be queued; a file that stays as it is has the room that it has. */
	for (size_t i = 0; anew && i < image->orphans.count; i++)
		octets += sizeof(struct spool_header) + g.slot_size;
	/* Room for what was found and one at the end of a lap, and for four of the largest. */
	least = sizeof(struct spool_header) + g.slot_size;
	least = octets + least > 4 * least ? octets + least : 4 * least;
	g.queue_size = pages(cfg->queue_size > least ? cfg->queue_size : least);
	g.crc = spool_geometry_crc(&g);
	return g;
}

/* ---- What is in the image ---- */

static bool within(const struct image *image, uint64_t at, uint64_t n)
{
	return at <= image->size && n <= image->size - at;
}

static int add_find(struct finds *finds, const struct found *found)
{
	if (finds->count == finds->room) {
		size_t room = finds->room ? 2 * finds->room : 64;
		struct found *all = mem_realloc(finds->all, room * sizeof(*all));

		if (!all)
			return -ENOMEM;
		finds->all = all;
		finds->room = room;
	}
	finds->all[finds->count++] = *found;
	return 0;
}

static int by_order(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->order < y->order ? -1 : x->order > y->order;
}

static bool read_geometry_at(struct image *image, uint64_t at)
{
	struct spool_geometry g;

	if (!within(image, at, sizeof(g)))
		return false;
	memcpy(&g, image->octets + at, sizeof(g));
	if (memcmp(g.magic, SPOOL_MAGIC, sizeof(g.magic)) != 0 || g.version != SPOOL_VERSION ||
	    g.crc != spool_geometry_crc(&g) || !spool_lay_out(&g, &image->layout))
		return false;
	image->geometry = g;
	return true;
}

/* At the beginning, or the copy at the end. */
static void read_geometry(struct image *image)
{
	uint64_t last = image->size / SPOOL_PAGE * SPOOL_PAGE;

	image->known = read_geometry_at(image, 0);
	if (image->known)
		return;
	image->damaged++;
	image->known = last >= SPOOL_PAGE && read_geometry_at(image, last - SPOOL_PAGE);
}

/* The whole header at this place of the ring (a record with its octets, or a wrap), in *h. */
static bool header_at(const struct image *image, uint64_t offset, struct spool_header *h)
{
	uint64_t at = image->layout.ring_at + offset, left = image->geometry.queue_size - offset;

	if (left < sizeof(*h) || !within(image, at, sizeof(*h)))
		return false;
	memcpy(h, image->octets + at, sizeof(*h));
	if ((h->magic != SPOOL_RECORD && h->magic != SPOOL_WRAP) ||
	    h->position % image->geometry.queue_size != offset ||
	    h->length > image->geometry.slot_size || h->length > left - sizeof(*h) ||
	    !within(image, at, sizeof(*h) + h->length))
		return false;
	return h->crc == spool_header_crc(h, image->octets + at + sizeof(*h));
}

static int add_record(struct image *image, const struct spool_header *h)
{
	uint64_t offset = h->position % image->geometry.queue_size;
	const struct found found = {
		.octets = image->octets + image->layout.ring_at + offset + sizeof(*h),
		.length = h->length,
		.order = h->position,
		.sequence = h->sequence,
	};

	return add_find(&image->records, &found);
}

static uint64_t behind(const struct spool_header *h)
{
	return h->position + sizeof(*h) + spool_padded(h->length);
}

/* From the tail, record by record, also past the head: one may be whole whose position was not
 * written any more. Where it ends, or -errno. */
static int walk(struct image *image, uint64_t *end)
{
	uint64_t size = image->geometry.queue_size, position = image->tail;
	struct spool_header h;
	int rc = 0;

	while (rc == 0 && position - image->tail < size) {
		uint64_t offset = position % size;
		bool whole = header_at(image, offset, &h) && h.position == position;

		if (whole && h.magic == SPOOL_RECORD) {
			rc = add_record(image, &h);
			position = behind(&h);
		} else if ((whole || size - offset < sizeof(h)) && position < image->head) {
			position += size - offset;
		} else {
			break;
		}
	}
	*end = position;
	return rc;
}

/* Every whole record of the ring from this position on, whatever lies between. */
static int scan(struct image *image, uint64_t from)
{
	uint64_t size = image->geometry.queue_size, offset = 0;
	struct spool_header h;
	int rc = 0;

	while (rc == 0 && offset < size && within(image, image->layout.ring_at + offset, 1)) {
		if (!header_at(image, offset, &h) || h.magic != SPOOL_RECORD) {
			offset += 8;
			continue;
		}
		if (h.position >= from)
			rc = add_record(image, &h);
		offset += behind(&h) - h.position;
	}
	if (image->records.count)
		qsort(image->records.all, image->records.count, sizeof(struct found), by_order);
	return rc;
}

/* How many are missing, by their numbers: at least one, or we were not asked. */
static uint64_t missing(const struct image *image)
{
	const struct finds *r = &image->records;
	uint64_t span = r->count ? image->sequence - r->all[0].sequence : 0;

	return span > r->count && span - r->count < image->geometry.queue_size ? span - r->count
									       : 1;
}

static int read_ring(struct image *image)
{
	struct spool_positions p;
	uint64_t end = 0;
	bool sane;
	int rc = 0;

	if (!within(image, SPOOL_PAGE, sizeof(p)))
		return 0;
	memcpy((void *)&p, image->octets + SPOOL_PAGE, sizeof(p));
	image->head = atomic_load(&p.head);
	image->tail = atomic_load(&p.tail);
	image->sequence = atomic_load(&p.sequence);
	sane = image->head >= image->tail &&
	       image->head - image->tail <= image->geometry.queue_size && image->head % 8 == 0 &&
	       image->tail % 8 == 0;
	if (sane)
		rc = walk(image, &end);
	if (rc == 0 && (!sane || end < image->head)) {
		rc = scan(image, sane ? end : 0);
		image->damaged += missing(image);
	}
	image->head = end;
	if (image->records.count &&
	    image->sequence <= image->records.all[image->records.count - 1].sequence)
		image->sequence = image->records.all[image->records.count - 1].sequence + 1;
	return rc;
}

static bool half_at(const struct image *image, uint64_t slot_at, uint64_t half, struct found *found)
{
	uint64_t at = slot_at + sizeof(struct spool_slot) + half * image->layout.half;
	struct spool_half h;

	if (!within(image, at, image->layout.half))
		return false;
	memcpy(&h, image->octets + at, sizeof(h));
	if (h.length > image->geometry.slot_size ||
	    h.crc != spool_half_crc(&h, image->octets + at + sizeof(h)))
		return false;
	*found = (struct found){ .octets = image->octets + at + sizeof(h),
				 .length = h.length,
				 .order = h.held,
				 .sequence = h.stamp };
	return true;
}

/* As whole_half() of spool.c. */
static bool slot_record(const struct image *image, uint64_t at, uint64_t state, struct found *found)
{
	struct found other;
	bool any = half_at(image, at, state & 1, found);

	if ((any && found->sequence == state) || !half_at(image, at, !(state & 1), &other))
		return any;
	if (!any || other.sequence > found->sequence)
		*found = other;
	return true;
}

static int read_slots(struct image *image)
{
	struct found found;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < image->geometry.slots; i++) {
		uint64_t at = image->layout.slots_at + i * image->layout.slot, state;

		if (!within(image, at, sizeof(state)))
			break;
		memcpy(&state, image->octets + at, sizeof(state));
		if (!state)
			continue;
		if (slot_record(image, at, state, &found))
			rc = add_find(&image->orphans, &found);
		else
			image->damaged++;
	}
	if (image->orphans.count)
		qsort(image->orphans.all, image->orphans.count, sizeof(struct found), by_order);
	return rc;
}

static int read_image(struct image *image, int fd)
{
	struct stat st;
	void *map;
	int rc;

	if (fstat(fd, &st) < 0)
		return -errno;
	image->size = (size_t)st.st_size;
	if (!image->size)
		return 0;
	map = mmap(NULL, image->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	image->octets = map;
	read_geometry(image);
	if (!image->known)
		return 0;
	if (image->size != image->layout.total)
		image->damaged++;
	rc = read_slots(image);
	return rc < 0 ? rc : read_ring(image);
}

static void drop_image(struct image *image)
{
	if (image->octets)
		munmap((void *)image->octets, image->size);
	mem_free(image->records.all);
	mem_free(image->orphans.all);
	*image = (struct image){ .size = 0 };
}

/* What was found stays behind: it isn't ours to read. */
static void forget_finds(struct image *image)
{
	image->records.count = image->orphans.count = 0;
	image->damaged = 0;
}

/* ---- Files ---- */

/* Open and locked, and still the file of this name (another may have put a new one there). */
static int open_locked(const char *path)
{
	for (int tries = 0; tries < 100; tries++) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640), rc = 0;
		struct stat ours, named;

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			rc = errno == EWOULDBLOCK ? -EAGAIN : -errno;
		else if (fstat(fd, &ours) < 0)
			rc = -errno;
		else if (stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
			 ours.st_dev == named.st_dev)
			return fd;
		close(fd);
		if (rc < 0)
			return rc;
	}
	return -EAGAIN;
}

static void say(char *error, size_t room, const char *path, int rc, uint64_t octets)
{
	switch (-rc) {
	case EAGAIN:
		snprintf(error, room, "%s: another process has it: is the program running twice?",
			 path);
		break;
	case ENOSPC:
		snprintf(error, room,
			 "%s: %llu MiB can't be had on its disk: make room or set a "
			 "smaller spool",
			 path, (unsigned long long)(octets >> 20) + 1);
		break;
	case EROFS:
		snprintf(error, room, "%s: its file system is read-only: put it elsewhere", path);
		break;
	case EACCES:
	case EPERM:
		snprintf(error, room, "%s: no permission: check its owner and mode", path);
		break;
	case ENOENT:
		snprintf(error, room, "%s: its folder is not there: make it", path);
		break;
	default:
		snprintf(error, room, "%s: %s", path, strerror(-rc));
	}
}

/* Another name for the file, so that it stays when a new one takes its place. */
static void keep_aside(const char *path, const char *why)
{
	char aside[PATH_MAX];

	for (int n = 1; n <= ASIDE_MOST; n++) {
		if (n == 1)
			snprintf(aside, sizeof(aside), "%s.%s", path, why);
		else
			snprintf(aside, sizeof(aside), "%s.%s.%d", path, why, n);
		if (n == ASIDE_MOST)
			unlink(aside);
		if (link(path, aside) == 0 || (errno != EEXIST && rename(path, aside) == 0)) {
			log_write(LOG_LEVEL_WARNING, "spool", path, "kept as %s", aside);
			return;
		}
		if (errno != EEXIST)
			break;
	}
	log_write(LOG_LEVEL_ERROR, "spool", path, "can't be kept aside: %s", strerror(errno));
}

static int allocate(int fd, uint64_t octets)
{
	int rc = -posix_fallocate(fd, 0, (off_t)octets);

	return rc == -EFBIG || rc == -EDQUOT ? -ENOSPC : rc;
}

static int map_file(struct spool *s)
{
	void *map = mmap(NULL, s->layout.total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			 s->fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	s->map = map;
	s->positions = (struct spool_positions *)(void *)(s->map + SPOOL_PAGE);
	return 0;
}

static void fill_in(struct spool *s, const struct image *image)
{
	uint64_t count = image->records.count;

	memcpy(s->map, &s->geometry, sizeof(s->geometry));
	memcpy(s->map + s->layout.copy_at, &s->geometry, sizeof(s->geometry));
	/* Numbered anew without gaps, and none that was there before. */
	atomic_store(&s->positions->sequence, image->sequence);
	for (size_t i = 0; i < count; i++)
		spool_put(s, image->records.all[i].octets, image->records.all[i].length);
	for (size_t i = 0; i < image->orphans.count; i++)
		spool_write_slot(s, (unsigned)i, i, image->orphans.all[i].octets,
				 image->orphans.all[i].length);
}

static void sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* FILE.new with all that was found; locked, complete and on the disk. */
static int build(struct spool *s, const char *path, const struct image *image)
{
	int rc;

	s->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (s->fd < 0)
		return -errno;
	if (flock(s->fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	rc = allocate(s->fd, s->layout.total);
	if (rc == 0)
		rc = map_file(s);
	if (rc < 0)
		return rc;
	fill_in(s, image);
	return spool_sync(s);
}

static int replace(struct spool *s, const char *path, const struct image *image, const char *aside)
{
	char made[PATH_MAX];
	int rc;

	if (snprintf(made, sizeof(made), "%s.new", path) >= (int)sizeof(made))
		return -ENAMETOOLONG;
	rc = build(s, made, image);
	if (rc == 0) {
		if (aside)
			keep_aside(path, aside);
		rc = rename(made, path) < 0 ? -errno : 0;
	}
	if (rc < 0)
		unlink(made);
	else
		sync_folder(path);
	return rc;
}

/* The file as it is. */
static int adopt(struct spool *s, int fd, const struct image *image)
{
	int rc = allocate(fd, s->layout.total); /* it may have come here as a copy with holes */

	if (rc < 0)
		return rc;
	s->fd = dup(fd);
	if (s->fd < 0)
		return -errno;
	fcntl(s->fd, F_SETFD, FD_CLOEXEC);
	rc = map_file(s);
	if (rc < 0)
		return rc;
	atomic_store(&s->positions->head, image->head);
	atomic_store(&s->positions->sequence, image->sequence);
	atomic_store(&s->appended, image->records.count);
	return 0;
}

static int use_image(struct spool *s, const struct spool_cfg *cfg, int fd, struct image *image)
{
	char aside[32] = "";
	bool same;

	if (image->known && image->geometry.format != cfg->format) {
		if (image->records.count || image->orphans.count || image->damaged)
			snprintf(aside, sizeof(aside), "format-%u", image->geometry.format);
		forget_finds(image);
	} else if (image->damaged) {
		snprintf(aside, sizeof(aside), "damaged");
	}
	s->geometry = geometry_for(cfg, image, false);
	same = image->known && !aside[0] &&
	       memcmp(&s->geometry, &image->geometry, sizeof(s->geometry)) == 0;
	if (!same)
		s->geometry = geometry_for(cfg, image, true);
	if (!spool_lay_out(&s->geometry, &s->layout))
		return -EINVAL;
	atomic_store(&s->damaged, image->damaged);
	if (image->damaged)
		log_write(LOG_LEVEL_ERROR, "spool", cfg->path,
			  "damaged: %zu records found whole, about %llu lost", image->records.count,
			  (unsigned long long)image->damaged);
	if (same)
		return adopt(s, fd, image);
	return replace(s, cfg->path, image, aside[0] ? aside : NULL);
}

int spool_attach(struct spool *s, const struct spool_cfg *cfg, char *error, size_t error_room)
{
	struct image image = { .size = 0 };
	int fd = open_locked(cfg->path), rc = fd;

	if (fd >= 0)
		rc = read_image(&image, fd);
	if (rc >= 0)
		rc = use_image(s, cfg, fd, &image);
	drop_image(&image);
	if (fd >= 0)
		close(fd);
	if (rc < 0)
		say(error, error_room, cfg->path, rc, s->layout.total);
	return rc;
}
