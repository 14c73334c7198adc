/* SPDX-License-Identifier: GPL-2.0-only */
#include "tdm/exchange/fault.h"

#include "tdm/exchange/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WHY 256

static const char *const words[] = {
	"drop", "stop", "start", "l",   "r",          "rdi",   "ppm",
	"seed", "line", "after", "for", "stop-after", "clear",
};

static int set_switch(bool *value, bool *set, const char *text)
{
	*value = !strcmp(text, "on") || !strcmp(text, "1") || !text[0];
	*set = true;
	return *value || !strcmp(text, "off") || !strcmp(text, "0") ? 0 : -EINVAL;
}

static int set_number(const char *text, long min, long max, long *value, bool *set)
{
	*set = true;
	return ex_parse_integer(text, min, max, value);
}

static int set_line(struct ex_fault *fault, const char *text)
{
	return snprintf(fault->line, sizeof(fault->line), "%s", text) < (int)sizeof(fault->line)
		       ? 0
		       : -EINVAL;
}

static int set_stop_after(struct ex_fault *fault, const char *text)
{
	fault->stop = fault->set.stop = true;
	return ex_parse_duration(text, &fault->after_ms);
}

/* -ENOENT: not one of the switches. */
static int set_word(struct ex_fault *fault, const char *key, const char *value)
{
	if (!strcmp(key, "stop"))
		return set_switch(&fault->set.stop, &fault->stop, value);
	if (!strcmp(key, "l"))
		return set_switch(&fault->set.l_bit, &fault->l_bit, value);
	if (!strcmp(key, "r"))
		return set_switch(&fault->set.r_bit, &fault->r_bit, value);
	if (!strcmp(key, "rdi"))
		return set_switch(&fault->set.rdi, &fault->rdi, value);
	if (!strcmp(key, "line"))
		return set_line(fault, value);
	if (!strcmp(key, "after"))
		return ex_parse_duration(value, &fault->after_ms);
	if (!strcmp(key, "for"))
		return ex_parse_duration(value, &fault->for_ms);
	if (!strcmp(key, "stop-after"))
		return set_stop_after(fault, value);
	if (!strcmp(key, "start") && !value[0])
		return set_switch(&fault->set.stop, &fault->stop, "off");
	if (!strcmp(key, "clear") && !value[0])
		return fault->clear = true, 0;
	return -ENOENT;
}

static int set_figure(struct ex_fault *fault, const char *key, const char *value)
{
	long number = 0;
	int rc = -ENOENT;

	if (!strcmp(key, "drop")) {
		rc = set_number(value, 0, 1000, &number, &fault->drop);
		fault->set.drop_permille = (unsigned)number;
	} else if (!strcmp(key, "ppm")) {
		rc = set_number(value, -1000, 1000, &number, &fault->clock);
		fault->set.clock_ppm = (int)number;
	} else if (!strcmp(key, "seed")) {
		rc = set_number(value, 0, INT32_MAX, &number, &fault->seed);
		fault->set.seed = (uint32_t)number;
	}
	return rc;
}

int ex_fault_word(struct ex_fault *fault, const char *word, char *why)
{
	char key[32];
	size_t length = strcspn(word, "=");
	const char *value = word[length] ? word + length + 1 : "";
	struct ex_nearest nearest = { 0 };
	int rc;

	snprintf(key, sizeof(key), "%.*s", (int)length, word);
	rc = set_word(fault, key, value);
	if (rc == -ENOENT)
		rc = set_figure(fault, key, value);
	if (rc == 0)
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		ex_nearest(&nearest, key, words[i]);
	if (rc == -ENOENT)
		snprintf(why, WHY, "unknown fault '%.60s'; the nearest is '%s'", key, nearest.name);
	else
		snprintf(why, WHY,
			 "'%.60s' is not accepted; drop=0…1000 (per mille), stop|l|r|rdi=on|off, "
			 "ppm=-1000…1000, seed=N, "
			 "line=NAME, after=TIME, for=TIME, stop-after=TIME, start, clear are",
			 word);
	return -EINVAL;
}

int ex_fault_parse(struct ex_fault *fault, const char *text, char *why)
{
	char copy[256], *rest = copy, *word;
	int rc = 0;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy)) {
		snprintf(why, WHY, "too long");
		return -EINVAL;
	}
	while (rc == 0 && (word = strsep(&rest, ", ")))
		if (*word)
			rc = ex_fault_word(fault, word, why);
	return rc;
}

void ex_fault_apply(const struct ex_fault *fault, struct e1_faults *faults)
{
	if (fault->clear)
		*faults = (struct e1_faults){ 0 };
	if (fault->drop)
		faults->drop_permille = fault->set.drop_permille;
	if (fault->stop)
		faults->stop = fault->set.stop;
	if (fault->l_bit)
		faults->l_bit = fault->set.l_bit;
	if (fault->r_bit)
		faults->r_bit = fault->set.r_bit;
	if (fault->rdi)
		faults->rdi = fault->set.rdi;
	if (fault->clock)
		faults->clock_ppm = fault->set.clock_ppm;
	if (fault->seed)
		faults->seed = fault->set.seed;
}

bool ex_fault_is_empty(const struct ex_fault *f)
{
	return !(f->drop || f->stop || f->l_bit || f->r_bit || f->rdi || f->clock || f->seed ||
		 f->clear);
}
