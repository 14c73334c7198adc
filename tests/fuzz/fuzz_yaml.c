/* SPDX-License-Identifier: GPL-2.0-only */
/* Any text as gateway.yaml: it is read or refused; what is read and printed reads the same again.
 */
#include "base/mem.h"
#include "conf/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t length);

/* Loads the text; the YAML of the result, NULL when it was refused. */
static char *read_and_print(const char *text, size_t length)
{
	struct machine_conf machine = { 0 };
	struct conf_section section = machine_section(&machine);
	struct conf_document *document = NULL;
	char *printed = NULL;
	int rc = conf_read_text(&document, "fuzz", text, length);

	if (rc == 0)
		rc = conf_load(document, &section, 1);
	/* Refused means told why. */
	if (rc == -EINVAL && conf_fault_count(document) == 0)
		abort();
	if (rc == 0 && conf_print(&printed, &section, 1) < 0)
		abort();
	conf_document_destroy(&document);
	conf_free(&machine_schema, &machine);
	return printed;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t length)
{
	char *first = read_and_print((const char *)octets, length), *second;

	if (!first)
		return 0;
	second = read_and_print(first, strlen(first));
	if (!second || strcmp(first, second) != 0)
		abort();
	mem_free(first);
	mem_free(second);
	return 0;
}
