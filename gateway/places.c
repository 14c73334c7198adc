/* SPDX-License-Identifier: GPL-2.0-only */
#include "gateway/places.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_server(const char *url)
{
	return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

void places_of(struct places *out, const struct machine_conf *machine)
{
	const char *url = machine->store.url ? machine->store.url : PLACES_FOLDER;

	memset(out, 0, sizeof(*out));
	out->shared = is_server(url);
	snprintf(out->folder, sizeof(out->folder), "%s", out->shared ? PLACES_FOLDER : url);
	if (out->shared) {
		snprintf(out->tables, sizeof(out->tables), "%s", url);
		snprintf(out->records, sizeof(out->records), "%s", url);
	} else {
		snprintf(out->tables, sizeof(out->tables), "sqlite:%s/tables.db", out->folder);
		snprintf(out->records, sizeof(out->records), "sqlite:%s/records.db", out->folder);
	}
	if (machine->records.spool)
		snprintf(out->spool, sizeof(out->spool), "%s", machine->records.spool);
	else
		snprintf(out->spool, sizeof(out->spool), "%s/spool", out->folder);
	/* Beside the spool: a local disk that the administrator chose, also with a server. */
	snprintf(out->kept, sizeof(out->kept), "%s", out->spool);
	if (strrchr(out->kept, '/'))
		*strrchr(out->kept, '/') = '\0';
	else
		snprintf(out->kept, sizeof(out->kept), ".");
	snprintf(out->kept + strlen(out->kept), sizeof(out->kept) - strlen(out->kept),
		 "/tables.yaml");
}

static int make_folder(const char *folder, char *error, size_t room)
{
	int rc;

	if (mkdir(folder, 0750) == 0 || errno == EEXIST)
		return 0;
	rc = -errno;
	snprintf(error, room, "store: the folder %s can't be made: %s", folder, strerror(-rc));
	return rc;
}

int places_make(const struct places *places, char *error, size_t error_room)
{
	char folder[sizeof(places->kept)];
	int rc = 0;

	if (!places->shared)
		rc = make_folder(places->folder, error, error_room);
	snprintf(folder, sizeof(folder), "%s", places->kept);
	*strrchr(folder, '/') = '\0';
	if (rc == 0 && folder[0])
		rc = make_folder(folder, error, error_room);
	return rc;
}
