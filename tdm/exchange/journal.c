/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/journal.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct ex_journal {
	int fd; /* -1: none */
	const struct clock *clock;
	bool complained;
};

void ex_json_init(void)
{
	json_set_alloc_funcs(mem_zalloc, mem_free);
}

int ex_journal_open(struct ex_journal **out, const char *path, const struct clock *clock)
{
	struct ex_journal *j = mem_zalloc(sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->clock = clock;
	j->fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	if (path && j->fd < 0) {
		int rc = -errno;

		mem_free(j);
		return rc;
	}
	*out = j;
	return 0;
}

void ex_journal_close(struct ex_journal **journal)
{
	if (!*journal)
		return;
	if ((*journal)->fd >= 0)
		close((*journal)->fd);
	mem_free(*journal);
	*journal = NULL;
}

bool ex_journal_wanted(const struct ex_journal *journal)
{
	return journal->fd >= 0;
}

static void write_line(struct ex_journal *j, const char *line, size_t length)
{
	ssize_t written = write(j->fd, line, length);

	if (written == (ssize_t)length || j->complained)
		return;
	j->complained = true;
	log_write(LOG_LEVEL_ERROR, "journal", NULL, "events are lost: %s",
		  written < 0 ? strerror(errno) : "disk full");
}

void ex_journal_write(struct ex_journal *j, json_t *object)
{
	char *line;

	if (object && j->fd >= 0) {
		json_object_set_new(object, "time",
				    json_real((double)clock_wall_us(j->clock) / 1e6));
		line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(16));
		if (line) {
			size_t length = strlen(line);

			/* One write, so that readers see whole lines; the NUL isn't needed any
			 * more. */
			line[length] = '\n';
			write_line(j, line, length + 1);
			mem_free(line);
		}
	}
	json_decref(object);
}
