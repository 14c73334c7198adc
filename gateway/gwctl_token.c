/* SPDX-License-Identifier: GPL-2.0-only */
/* token: 256 random bits, and what gateway.yaml needs to know them again (RFC 6750's bearer token;
 * the gateway keeps its SHA-256 only). */
#include "gateway/gwctl_private.h"

#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#define OCTETS 32

static void hex(const unsigned char *octets, char out[2 * OCTETS + 1])
{
	for (size_t i = 0; i < OCTETS; i++)
		snprintf(out + 2 * i, 3, "%02x", octets[i]);
}

static void print_token(struct gwctl *g, const char *token, const char *hash, const char *name,
			const char *role)
{
	json_t *json;

	if (!g->json) {
		fprintf(g->out,
			"Token, shown only now:\n  %s\n\nLine of gateway.yaml, under `api: "
			"access:` "
			"(then `gwctl config reload`):\n  - { token-sha256: %s, name: '%s', role: "
			"%s }\n\n"
			"Who uses it sends `Authorization: Bearer TOKEN`; gwctl takes it from "
			"$CAUSEWAY_TOKEN.\n",
			token, hash, name, role);
		return;
	}
	json = json_pack("{s:s, s:s, s:s, s:s}", "token", token, "token-sha256", hash, "name", name,
			 "role", role);
	gwctl_printed_json(g, json);
	json_decref(json);
}

int gwctl_token(struct gwctl *g)
{
	const char *name = gwctl_value(g, "--name"), *role = gwctl_value(g, "--role");
	unsigned char random[OCTETS], digest[OCTETS];
	char token[2 * OCTETS + 1], hash[2 * OCTETS + 1];

	role = role ? role : "read";
	if (strcmp(role, "read") != 0 && strcmp(role, "operate") != 0 && strcmp(role, "admin") != 0)
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "--role %s: read, operate or admin is accepted", role);
	if (name && strpbrk(name, "'\n"))
		return gwctl_complain(g, GWCTL_USAGE, "usage",
				      "--name: without quotes and line feeds");
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return gwctl_complain(g, GWCTL_FAILED, "failed",
				      "the kernel gives no random octets");
	hex(random, token);
	if (EVP_Digest(token, strlen(token), digest, NULL, EVP_sha256(), NULL) != 1)
		return gwctl_complain(g, GWCTL_FAILED, "failed", "SHA-256 can't be had of OpenSSL");
	hex(digest, hash);
	print_token(g, token, hash, name ? name : "somebody", role);
	return GWCTL_DONE;
}
