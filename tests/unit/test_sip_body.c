/* SPDX-License-Identifier: GPL-2.0-only */
#include "trunk/sip_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MIXED "multipart/mixed;boundary=b1"

static const char *find(const char *type, const char *body, char out[256])
{
	size_t length = 0;
	const char *sdp = sip_body_sdp(type, body, strlen(body), &length);

	if (!sdp)
		return NULL;
	assert_true(sdp >= body && length <= (size_t)(body + strlen(body) - sdp));
	snprintf(out, 256, "%.*s", (int)length, sdp);
	return out;
}

static void plain(void **state)
{
	char out[256];

	(void)state;
	assert_string_equal(find("application/sdp", "v=0\r\n", out), "v=0\r\n");
	assert_string_equal(find(" Application/SDP ; charset=x", "v=0\r\n", out), "v=0\r\n");
	assert_null(find("application/sdpx", "v=0\r\n", out));
	assert_null(find("text/plain", "v=0\r\n", out));
	assert_null(find("application/sdp", "", out));
	assert_null(sip_body_sdp(NULL, "v", 1, &(size_t){ 0 }));
}

static void parts(void **state)
{
	static const char isup[] = "--b1\r\nContent-Type: application/isup\r\n\r\nx\r\n";
	static const char sdp[] = "--b1\r\ncontent-type:application/sdp\r\nContent-Disposition: "
				  "session\r\n\r\nv=0\r\n";
	char body[512], out[256];

	(void)state;
	snprintf(body, sizeof(body), "preamble\r\n%s%s--b1--\r\n", isup, sdp);
	assert_string_equal(find(MIXED, body, out), "v=0\r\n");
	assert_string_equal(find("multipart/mixed; Boundary=\"b1\"; x=y", body, out), "v=0\r\n");
	snprintf(body, sizeof(body), "%s%s%s--b1--\r\n", sdp, isup, sdp);
	assert_string_equal(find(MIXED, body, out), "v=0\r\n");
	snprintf(body, sizeof(body), "%s--b1--\r\n", isup);
	assert_null(find(MIXED, body, out));
}

static void wrong_ones(void **state)
{
	char out[256];

	(void)state;
	assert_null(
		find("multipart/mixed", "--b1\r\nContent-Type: application/sdp\r\n\r\nv=0", out));
	assert_null(find("multipart/mixed;boundary=",
			 "--\r\nContent-Type: application/sdp\r\n\r\nv=0", out));
	assert_null(find(MIXED, "--b1", out));
	assert_null(find(MIXED, "--b1\r\n", out));
	assert_null(find(MIXED, "--b1\r\nContent-Type: application/sdp", out));
	assert_null(find(MIXED, "--b1\r\nContent-Type: application/sdp\r\n\r\n", out));
	assert_null(find(MIXED, "text --b1\r\nContent-Type: application/sdp\r\n\r\nv=0",
			 out)); /* not at a line's begin */
	assert_string_equal(find(MIXED, "--b1\nContent-Type: application/sdp\n\nv=0", out),
			    "v=0"); /* no end */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(parts),
		cmocka_unit_test(wrong_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
