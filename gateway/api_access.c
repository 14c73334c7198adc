/* SPDX-License-Identifier: GPL-2.0-only */
/* Who may do what.
 *
 * On the Unix socket the kernel tells who is at the other end (SO_PEERCRED, SO_PEERGROUPS: of the
 * moment when he connected). Root and the process' own user are admin. Others have the highest role
 * that api: access gives to one of their groups. Where no entry names a group, members of the
 * socket's group (who alone can write to it) have the role operate: they see, end calls and switch,
 * but change no tables.
 *
 * A token (Authorization: Bearer) counts on either kind of socket; of his own role and the token's
 * the higher one is taken. On TCP a token is needed. */
#include "gateway/api_private.h"

#include "base/mem.h"

#include <errno.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { UNAUTHORIZED = 401, FORBIDDEN = 403 };

#define NO_ROLE (-1)
#define GROUPS_MAX 64
#define GROUPS_STAY_S 30 /* a directory service may be slow: it isn't asked for each request */
#define PEER_GROUPS 1024
#define HASH_OCTETS 32

/* ---- Groups ---- */

struct known_group {
	char name[80];
	gid_t id;
	bool exists;
	time_t until;
};

struct api_groups {
	struct known_group known[GROUPS_MAX];
	size_t count;
	gid_t peer[PEER_GROUPS]; /* room for those of one peer */
};

int api_groups_create(struct api_groups **out)
{
	struct api_groups *groups = mem_zalloc(sizeof(*groups));

	if (!groups)
		return -ENOMEM;
	*out = groups;
	return 0;
}

void api_groups_destroy(struct api_groups **groups)
{
	mem_free(*groups);
	*groups = NULL;
}

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void look_up(struct known_group *known)
{
	struct group entry, *found = NULL;
	char text[16384];

	known->exists = getgrnam_r(known->name, &entry, text, sizeof(text), &found) == 0 && found;
	known->id = known->exists ? found->gr_gid : 0;
	known->until = now_s() + GROUPS_STAY_S;
}

static struct known_group *remembered(struct api_groups *groups, const char *name)
{
	struct known_group *free_one;

	for (size_t i = 0; i < groups->count; i++)
		if (strcmp(groups->known[i].name, name) == 0)
			return &groups->known[i];
	free_one = &groups->known[groups->count < GROUPS_MAX ? groups->count++ : GROUPS_MAX - 1];
	snprintf(free_one->name, sizeof(free_one->name), "%s", name);
	free_one->until = 0;
	return free_one;
}

int api_group_id(struct api_groups *groups, const char *name, gid_t *out)
{
	struct known_group *known = remembered(groups, name);

	if (known->until <= now_s())
		look_up(known);
	if (!known->exists)
		return -ENOENT;
	*out = known->id;
	return 0;
}

/* ---- The peer ---- */

struct peer {
	bool local; /* Unix socket */
	struct ucred cred;
	const gid_t *groups;
	size_t group_count;
};

static void name_of_user(uid_t uid, char *out, size_t room)
{
	struct passwd entry, *found = NULL;
	char text[16384];

	if (getpwuid_r(uid, &entry, text, sizeof(text), &found) == 0 && found)
		snprintf(out, room, "%s", found->pw_name);
	else
		snprintf(out, room, "uid %u", uid);
}

static void see_address(int fd, struct api_person *person)
{
	struct netaddr address = { 0 };
	socklen_t length = sizeof(address);
	char text[NETADDR_TEXT];

	if (getpeername(fd, &address.u.sa, &length) == 0)
		snprintf(person->origin, sizeof(person->origin), "%s",
			 netaddr_text(&address, text));
}

static struct peer see_peer(struct api_groups *groups, int fd, struct api_person *person)
{
	struct peer peer = { .groups = groups->peer };
	socklen_t length = sizeof(peer.cred), room = sizeof(groups->peer);
	int family = 0;
	socklen_t family_room = sizeof(family);

	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_room);
	peer.local = family == AF_UNIX &&
		     getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer.cred, &length) == 0;
	if (!peer.local) {
		see_address(fd, person);
		return peer;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups->peer, &room) == 0)
		peer.group_count = room / sizeof(gid_t);
	name_of_user(peer.cred.uid, person->who, sizeof(person->who));
	snprintf(person->origin, sizeof(person->origin), "socket, pid %d", peer.cred.pid);
	return peer;
}

static bool is_member(const struct peer *peer, gid_t group)
{
	if (peer->cred.gid == group)
		return true;
	for (size_t i = 0; i < peer->group_count; i++)
		if (peer->groups[i] == group)
			return true;
	return false;
}

static int role_of_peer(struct api_groups *groups, const struct conf_api *conf, gid_t socket_group,
			const struct peer *peer)
{
	bool named = false;
	int role = NO_ROLE;
	gid_t id;

	if (!peer->local)
		return NO_ROLE;
	if (peer->cred.uid == 0 || peer->cred.uid == geteuid())
		return CONF_ADMIN;
	for (size_t i = 0; i < conf->access_count; i++) {
		const struct conf_access *access = &conf->access[i];

		named = named || access->group;
		if (access->group && (int)access->role > role &&
		    api_group_id(groups, access->group, &id) == 0 && is_member(peer, id))
			role = (int)access->role;
	}
	return !named && is_member(peer, socket_group) ? CONF_OPERATE : role;
}

/* ---- Tokens ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hash(const char *text, unsigned char out[HASH_OCTETS])
{
	for (size_t i = 0; i < HASH_OCTETS; i++) {
		int high = hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return text[2 * HASH_OCTETS] == '\0';
}

/* The entry whose token was shown; NULL: none. All are compared, each in constant time. */
static const struct conf_access *bearer(const struct conf_api *conf, const char *token)
{
	const struct conf_access *found = NULL;
	unsigned char shown[HASH_OCTETS], known[HASH_OCTETS];

	if (EVP_Digest(token, strlen(token), shown, NULL, EVP_sha256(), NULL) != 1)
		return NULL;
	for (size_t i = 0; i < conf->access_count; i++)
		if (conf->access[i].token_sha256 &&
		    read_hash(conf->access[i].token_sha256, known) &&
		    CRYPTO_memcmp(shown, known, sizeof(shown)) == 0)
			found = &conf->access[i];
	return found;
}

/* The token of "Bearer TOKEN" (RFC 6750 2.1); NULL: something else. */
static const char *token_of(const char *authorization)
{
	if (strncasecmp(authorization, "Bearer ", 7) != 0)
		return NULL;
	return authorization + 7 + strspn(authorization + 7, " ");
}

static bool take_token(const struct conf_api *conf, const char *authorization,
		       struct api_person *person, struct api_reply *reply)
{
	const char *token = token_of(authorization);
	const struct conf_access *access = token ? bearer(conf, token) : NULL;

	if (!access) {
		api_refuse(reply, UNAUTHORIZED, "bad-token",
			   token ? "this token is not known here; api: access in gateway.yaml has "
				   "the SHA-256 of those that are"
				 : "Authorization: Bearer TOKEN is understood, nothing else");
		return false;
	}
	if ((int)access->role > person->role) {
		person->role = (int)access->role;
		snprintf(person->who, sizeof(person->who), "%s",
			 access->name ? access->name : "token");
	}
	return true;
}

/* ---- The verdict ---- */

static bool has_role(const struct peer *peer, const struct api_query *query,
		     struct api_reply *reply)
{
	static const char *const roles[] = { "read", "operate", "admin" };
	const struct api_person *person = &query->person;
	const char *needed = roles[query->endpoint->role];

	if (person->role >= (int)query->endpoint->role)
		return true;
	if (person->role == NO_ROLE && !peer->local)
		api_refuse(reply, UNAUTHORIZED, "no-token",
			   "%s needs the role %s: show a token that has it (Authorization: Bearer "
			   "TOKEN)",
			   query->what, needed);
	else
		api_refuse(reply, FORBIDDEN, "forbidden",
			   "%s needs the role %s; %s has %s%s; api: access in gateway.yaml gives "
			   "roles to groups and tokens",
			   query->what, needed, person->who,
			   person->role == NO_ROLE ? "none" : "the role ",
			   person->role == NO_ROLE ? "" : roles[person->role]);
	return false;
}

bool api_admit(struct api_groups *groups, const struct conf_api *conf, gid_t socket_group, int fd,
	       const char *authorization, struct api_query *query, struct api_reply *reply)
{
	struct peer peer = see_peer(groups, fd, &query->person);

	query->person.role = role_of_peer(groups, conf, socket_group, &peer);
	if (authorization && !take_token(conf, authorization, &query->person, reply))
		return false;
	return has_role(&peer, query, reply);
}
