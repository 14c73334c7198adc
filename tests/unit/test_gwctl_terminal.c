/* SPDX-License-Identifier: GPL-2.0-only */
/* gwctl on a terminal: --watch, top, its width; completion; manual pages; records; tokens; and
 * daemons of another version or with too low a role. */
#include "gwctl_fixture.h"

#include "gateway/gwctl_private.h"

#include <openssl/evp.h>
#include <sys/stat.h>

/* 2026-03-04 05:06:07 UTC */
#define NOW 1772600767

/* ---- Records ---- */

static void filters_records(void **state)
{
	static const char *const rows[][2] = {
		{ "cdr list", "GET /api/v1/cdrs?limit=100" },
		{ "cdr list --since 2h", "GET /api/v1/cdrs?limit=100&since=2026-03-04T03:06:07Z" },
		{ "cdr list --since 1h30min",
		  "GET /api/v1/cdrs?limit=100&since=2026-03-04T03:36:07Z" },
		{ "cdr list --since yesterday --until today",
		  "GET "
		  "/api/v1/cdrs?limit=100&since=2026-03-03T00:00:00Z&until=2026-03-04T00:00:00Z" },
		{ "cdr list --since 7d --until now",
		  "GET "
		  "/api/v1/cdrs?limit=100&since=2026-02-25T05:06:07Z&until=2026-03-04T05:06:07Z" },
		{ "cdr list --since 2026-01-31",
		  "GET /api/v1/cdrs?limit=100&since=2026-01-31T00:00:00Z" },
		{ "cdr list --since '2026-01-31 12:30'",
		  "GET /api/v1/cdrs?limit=100&since=2026-01-31T12:30:00Z" },
		{ "cdr list --since 2026-01-31T12:30:01Z",
		  "GET /api/v1/cdrs?limit=100&since=2026-01-31T12:30:01Z" },
		{ "cdr list --number +4420 --endpoint 'a b' --cause 17 --answered=no --limit 5",
		  "GET "
		  "/api/v1/cdrs?limit=5&answered=false&number=%2B4420&endpoint=a%20b&cause=17" },
		{ "cdr list --answered", "GET /api/v1/cdrs?limit=100&answered=true" },
		{ "cdr export --since 1w",
		  "GET /api/v1/cdrs?limit=1000&since=2026-02-25T05:06:07Z" },
		{ "cdr show 01A/", "GET /api/v1/cdrs/01A%2F" },
	};
	static const char *const wrong[][2] = {
		{ "cdr list --since soon", "--since soon: accepted are 2h, 30min" },
		{ "cdr list --until 2026-02-30", "--until 2026-02-30: accepted" },
		{ "cdr list --since 2", "--since 2: accepted" },
		{ "cdr list --since 5x", "--since 5x: accepted" },
		{ "cdr list --since 999999w", "--since 999999w: accepted" },
		{ "cdr list --since 2026-01-31x", "accepted" },
		{ "cdr list --cause 200", "--cause 200: a whole number from 0 to 127" },
		{ "cdr list --answered=x", "yes or no" },
		{ "cdr export --format xml", "csv or json" },
		{ "cdr list --limit 0", "a whole number from 1" },
	};
	struct fixture *f = *state;

	f->now = NOW;
	f->body = "{\"cdrs\":[],\"next\":null,\"released_by\":\"caller\"}";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(run(f, rows[i][0]), GWCTL_DONE);
		assert_string_equal(f->all, rows[i][1]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(run(f, wrong[i][0]), GWCTL_USAGE);
		has(f->err, wrong[i][1]);
		assert_int_equal(f->questions, 0);
	}
}

#define RECORD(id)                                                                                 \
	"{\"id\":\"" id "\",\"host\":\"gw\",\"setup\":\"2026-01-01T10:20:30.123Z\",\"answered\":"  \
	"\"2026-01-01T10:20:31.000Z\","                                                            \
	"\"talk_ms\":61000,\"cause\":{\"value\":16,\"text\":\"Normal call "                        \
	"clearing\",\"location\":\"user\"},"                                                       \
	"\"released_by\":\"caller\",\"called\":{\"received\":{\"digits\":\"0207\",\"type\":"       \
	"\"unknown\","                                                                             \
	"\"presentation\":\"allowed\"},\"normalized\":{\"digits\":\"+44207\",\"type\":"            \
	"\"international\","                                                                       \
	"\"presentation\":\"allowed\"}},\"calling\":{\"received\":{\"digits\":\"1\",\"type\":"     \
	"\"unknown\","                                                                             \
	"\"presentation\":\"allowed\"}},\"caller\":{\"endpoint\":\"core\",\"kind\":\"sip\","       \
	"\"codec\":\"PCMA\",\"rx_packets\":50},"                                                   \
	"\"callee\":{\"endpoint\":\"e,1\"},\"attempts\":[{\"gateway\":\"e0\",\"cause\":{"          \
	"\"value\":34,\"text\":\"No circuit\","                                                    \
	"\"location\":\"user\"}},{\"gateway\":\"e,1\",\"route\":\"r\",\"cause\":null}],"           \
	"\"attempts_made\":2}"

static void shows_records(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"cdrs\":[" RECORD("01B") "," RECORD("01A") "],\"next\":\"01A\"}";
	assert_int_equal(run(f, "cdr list --limit 2"), GWCTL_DONE);
	assert_string_equal(f->out,
			    "CALL  SETUP (UTC)          FROM  TO   CALLING  CALLED  TALKED  CAUSE  "
			    "MEANING               RELEASED BY\n"
			    "01B   2026-01-01 10:20:30  core  e,1  1        +44207    1:01     16  "
			    "Normal call clearing  caller\n"
			    "01A   2026-01-01 10:20:30  core  e,1  1        +44207    1:01     16  "
			    "Normal call clearing  caller\n"
			    "… and older ones; --limit N shows more, `gwctl cdr export` all\n");
	assert_int_equal(run(f, "cdr list --limit 2 --json"), GWCTL_DONE);
	has(f->out, "\"more\": true");
	f->body = RECORD("01A");
	assert_int_equal(run(f, "cdr show 01A"), GWCTL_DONE);
	has(f->out, "called, received     0207 (unknown)\n");
	has(f->out, "cause                16 Normal call clearing (user)\n");
	has(f->out, "caller  core  sip   PCMA ");
	has(f->out, "34 No circuit (user)\n");
	has(f->out, "carried the call\n");
	f->body = "{\"cdrs\":[],\"next\":null}";
	assert_int_equal(run(f, "cdr list"), GWCTL_DONE);
	assert_string_equal(f->out, "No records.\n");
}

static unsigned count(const char *text, const char *piece)
{
	unsigned n = 0;

	for (; (text = strstr(text, piece)); text++)
		n++;
	return n;
}

static void exports_all_pages(void **state)
{
	struct fixture *f = *state;
	char path[64], line[128], text[4096];
	json_t *json;
	FILE *file;
	size_t n;

	f->body = "{\"cdrs\":[" RECORD("01D") "," RECORD("01C") "],\"next\":\"01C\"}";
	f->routes[0].asked = "before=01C";
	f->routes[0].body = "{\"cdrs\":[" RECORD("01B") "],\"next\":\"01B\"}";
	f->routes[1].asked = "before=01B";
	f->routes[1].body = "{\"cdrs\":[" RECORD("01A") "],\"next\":null}";
	assert_int_equal(run(f, "cdr export"), GWCTL_DONE);
	assert_string_equal(f->all,
			    "GET /api/v1/cdrs?limit=1000\nGET /api/v1/cdrs?limit=1000&before=01C\n"
			    "GET /api/v1/cdrs?limit=1000&before=01B");
	assert_int_equal(count(f->out, "\r\n"), 5); /* RFC 4180 2 */
	assert_int_equal(strncmp(f->out, "id,host,setup,", 14), 0);
	has(f->out, "\r\n01A,gw,");
	has(f->out, "\"e,1\"");
	assert_int_equal(run(f, "cdr export --format json"), GWCTL_DONE);
	json = json_loads(f->out, 0, NULL);
	assert_int_equal(json_array_size(json), 4);
	json_decref(json);
	assert_int_equal(run(f, "cdr export --limit 3 --json"), GWCTL_DONE);
	assert_string_equal(f->last, "GET /api/v1/cdrs?limit=1&before=01C");
	snprintf(path, sizeof(path), "/tmp/test_gwctl-%d.csv", getpid());
	snprintf(line, sizeof(line), "cdr export --output %s", path);
	assert_int_equal(run(f, line), GWCTL_DONE);
	assert_string_equal(f->out, "");
	has(f->err, "4 records into /tmp/test_gwctl-");
	file = fopen(path, "r");
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	assert_int_equal(count(text, "\r\n"), 5);
	unlink(path);
	f->routes[1].status = 503; /* the last page fails: nothing that looks whole is left */
	f->routes[1].body =
		"{\"error\":{\"code\":\"store-away\",\"message\":\"the store is away\"}}";
	assert_int_equal(run(f, line), GWCTL_FAILED);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "/tmp/test_gwctl-%d.csv.%d", getpid(), getpid());
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(run(f, "cdr export --format json"), GWCTL_FAILED);
	assert_null(json_loads(f->out, 0, NULL));
	assert_int_equal(run(f, "cdr export --output /nonexistent/x"), GWCTL_FAILED);
}

/* ---- Again and again ---- */

static void watches_in_a_pipe(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"calls\":[],\"left_out\":0}";
	f->rounds = 3;
	assert_int_equal(run(f, "call list --watch"), GWCTL_DONE);
	assert_string_equal(f->out, "No calls.\n\nNo calls.\n\nNo calls.\n");
	assert_int_equal(f->questions, 3);
	f->rounds = 2;
	assert_int_equal(run(f, "call list --watch=0.5 --json"), GWCTL_DONE);
	assert_string_equal(f->out,
			    "{\"calls\":[],\"left_out\":0}\n{\"calls\":[],\"left_out\":0}\n");
	f->rc = -ECONNREFUSED; /* a script is told */
	f->rounds = 5;
	assert_int_equal(run(f, "call list --watch"), GWCTL_NO_DAEMON);
	assert_int_equal(f->questions, 1);
	has(f->err, "nobody listens");
}

static void watches_on_a_terminal(void **state)
{
	struct fixture *f = *state;

	f->terminal = true;
	f->columns = 80;
	f->lines = 2;
	f->body = "{\"calls\":[{\"id\":\"01A\"},{\"id\":\"01B\"}],\"left_out\":0}";
	f->rounds = 2;
	assert_int_equal(run(f, "call list --watch"), GWCTL_DONE);
	assert_int_equal(f->screens, 2); /* taken, given back */
	assert_int_equal(count(f->out, "\033[H"), 2);
	assert_int_equal(count(f->out, "01A"), 2);
	assert_int_equal(count(f->out, "01B"), 0);     /* below the last line */
	assert_int_equal(count(f->out, "\033[2J"), 0); /* erasing all would flicker */
	assert_int_equal(count(f->out, "\n"), 2);
	f->rc = -ECONNREFUSED; /* somebody looks on: it may come back */
	f->rounds = 3;
	assert_int_equal(run(f, "call list --watch"), GWCTL_NO_DAEMON);
	assert_int_equal(f->questions, 3);
	has(f->out, "nobody listens");
	assert_string_equal(f->err, "");
	assert_int_equal(f->screens, 4);
}

#define STATUS(total)                                                                              \
	"{\"version\":\"1.2.3\",\"uptime_s\":10,\"calls\":{\"now\":2,\"total\":" total             \
	",\"failed\":0},\"overload\":{\"lag_ms\":4,"                                               \
	"\"busy_permille\":950,\"admitted_permille\":500,\"new_calls_per_s\":7,\"refused\":{"      \
	"\"overload\":9}},"                                                                        \
	"\"workers\":[{\"name\":\"media-1\",\"load_permille\":123}],\"trunks\":[{\"name\":"        \
	"\"core\",\"up\":false,\"admin\":"                                                         \
	"\"draining\",\"calls\":5,\"max_calls\":10}],\"spans\":[{\"name\":\"e1\",\"state\":"       \
	"\"up\",\"admin\":\"enabled\","                                                            \
	"\"alarms\":null,\"calls\":30,\"idle\":0}],\"tables\":{\"revision\":3,\"store\":{\"up\":"  \
	"true}},\"records\":{\"state\":"                                                           \
	"\"losing\",\"error\":\"disk full\"}}"

static void top_in_a_pipe(void **state)
{
	struct fixture *f = *state;

	f->body = STATUS("10");
	f->rounds = 5;
	assert_int_equal(run(f, "top"), GWCTL_DONE);
	assert_int_equal(f->questions, 2);
	has(f->out, "gatewayd 1.2.3  up 0 d 00:00:10\n");
	has(f->out, "signalling   [################### ]  95.0 %\n");
	has(f->out, "media-1      [##                  ]  12.3 %\n");
	has(f->out, "lag 4 ms, busy 95.0 %, 7 new calls/s, admits 50.0 % of new calls; refused so "
		    "far: 9 (overload)\n");
	has(f->out, "core  trunk  down   draining      5    10  ##########\n");
	has(f->out, "e1    span   up     enabled      30    30  ####################\n");
	has(f->out, "  trunk core: down\n");
	has(f->out, "  records losing: disk full\n");
	assert_int_equal(run(f, "top --json"), GWCTL_DONE);
	has(f->out, "\"uptime_s\": 10");
}

static void top_on_a_terminal(void **state)
{
	struct fixture *f = *state;

	f->terminal = f->colour = true;
	f->columns = 80;
	f->lines = 24;
	f->body = STATUS("10");
	f->rounds = 3;
	assert_int_equal(run(f, "top"), GWCTL_DONE);
	assert_int_equal(f->questions, 3);
	assert_int_equal(f->screens, 2);
	assert_int_equal(count(f->out, "\033[H"), 3);
	has(f->out, "\033[31m");
	f->rc = -ENOENT;
	f->rounds = 2;
	assert_int_equal(run(f, "top"), GWCTL_NO_DAEMON);
	has(f->out, "gatewayd is not running");
	assert_int_equal(f->screens, 4);
}

static void fits_the_terminal(void **state)
{
	struct fixture *f = *state;

	f->columns = 60;
	f->body = "{\"objects\":[{\"name\":\"a\",\"body\":{\"pattern\":\"^\\\\+44(20|161|113|121|"
		  "131|141|151|114)\\u20ac\\u20ac\\u20ac\","
		  "\"gateways\":[\"e1-london\",\"carrier-a\",\"carrier-b\"],\"usages\":[\"u\"]}}]}";
	assert_int_equal(run(f, "route list"), GWCTL_DONE);
	for (const char *line = f->out; *line; line = strchr(line, '\n') + 1) {
		unsigned width = 0;

		for (const char *c = line; *c != '\n'; c++)
			width += ((unsigned char)*c & 0xc0) != 0x80;
		assert_true(width <= 75); /* eight columns at their narrowest are more than 60 */
	}
	has(f->out, "^\\+44(2…");
	f->columns = 0;
	assert_int_equal(run(f, "route list"), GWCTL_DONE);
	has(f->out, "141|151|114)€€€  u");
}

/* ---- Completion ---- */

static void completes(void **state)
{
	static const char *const rows[][2] = {
		{ "__complete bash rou", "route\n" },
		{ "__complete bash rout", "route\n" },
		{ "__complete bash route t", "test\n" },
		{ "__complete bash call ''", "list\nshow\ntrace\nhangup\n" },
		{ "__complete bash help sp", "span\n" },
		{ "__complete bash help span dr", "drain\n" },
		{ "__complete bash route add x --prio", "--priority\n" },
		{ "__complete bash route add x --priority 1 --prio", "" },
		{ "__complete bash route add x --gateway a --gatew", "--gateway\n" },
		{ "__complete bash route add x --selection r", "round-robin\n" },
		{ "__complete bash route add x --selection=we", "--selection=weighted\n" },
		{ "__complete bash status --watch --j", "--json\n" },
		{ "__complete bash --colour al", "always\n" },
		{ "__complete bash completion ''", "bash\nzsh\n" },
		{ "__complete bash apply ''", ":files\n" },
		{ "__complete bash config check /e", ":files\n" },
		{ "__complete bash route show L", "London\nLondon East\n" },
		{ "__complete bash route show ''",
		  "London\nLondon East\n" }, /* not what would break lines */
		{ "__complete bash route show Lo\\ndon", "London\nLondon East\n" },
		{ "__complete bash route show London ''", "" },
		{ "__complete bash route test 1 --from ''", "core\ncarrier-a\ne1-1\ne1-2\n" },
		{ "__complete bash route test 1 --from=e1-2", "--from=e1-2\n" },
		{ "__complete bash route add x --gateway ''",
		  "core\ncarrier-a\ne1-1\ne1-2\npstn\nspare\n" },
		{ "__complete bash route move x --before L", "London\nLondon East\n" },
		{ "__complete bash gateway add x --member ps", "pstn\n" },
		{ "__complete bash rule del --dialplan uk ''", "national\n" },
		{ "__complete bash rule del ''", "" },
		{ "__complete bash call trace ''", "last\n01A\n" },
		{ "__complete bash rollback ''", "12\n" },
		{ "__complete bash nonsense ''", "" },
		{ "__complete bash", "" },
		{ "__complete zsh span en", "enable\tlet it carry new calls again\n" },
		{ "__complete zsh route test 1 --from core", "core\ttrunk\n" },
	};
	struct fixture *f = *state;

	f->body = "{\"error\":{\"code\":\"no-such-path\",\"message\":\"\"}}";
	f->status = 404;
	f->routes[0].asked = "tables/routes";
	f->routes[0].body = "{\"objects\":[{\"name\":\"London\"},{\"name\":\"London "
			    "East\"},{\"name\":\"bad\\nname\"}]}";
	f->routes[1].asked = "v1/trunks";
	f->routes[1].body = "{\"trunks\":[{\"name\":\"core\"},{\"name\":\"carrier-a\"}]}";
	f->routes[2].asked = "v1/spans";
	f->routes[2].body = "{\"spans\":[{\"name\":\"e1-1\",\"group\":\"pstn\"},{\"name\":\"e1-2\","
			    "\"group\":null}]}";
	f->routes[3].asked = "tables/gateways";
	f->routes[3].body = "{\"objects\":[{\"name\":\"spare\"}]}";
	f->routes[4].asked = "tables/rules?parent=uk";
	f->routes[4].body = "{\"objects\":[{\"name\":\"national\"}]}";
	f->routes[5].asked = "v1/calls?finished=true";
	f->routes[5].body = "{\"calls\":[{\"id\":\"01A\"}]}";
	f->routes[6].asked = "v1/history";
	f->routes[6].body = "{\"history\":[{\"revision\":12,\"what\":\"w\"}]}";
	for (size_t i = 0; i < 7; i++)
		f->routes[i].status = 200;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(run(f, rows[i][0]), GWCTL_DONE);
		if (strcmp(f->out, rows[i][1]) != 0)
			fail_msg("%s:\n%snot\n%s", rows[i][0], f->out, rows[i][1]);
		assert_string_equal(f->err, "");
	}
	f->rc = -ENOENT; /* no daemon: silent, and what is known here is there */
	assert_int_equal(run(f, "__complete bash route show ''"), GWCTL_DONE);
	assert_string_equal(f->out, "");
	assert_string_equal(f->err, "");
	assert_int_equal(run(f, "__complete bash call trace ''"), GWCTL_DONE);
	assert_string_equal(f->out, "last\n");
	assert_int_equal(f->questions, 1); /* who does not answer isn't asked again */
}

/* Each option that a command names is in the table of options, and each source is known. */
static void tables_agree(void **state)
{
	const struct gwctl_command *command;
	const struct gwctl_option *option;
	char line[200];

	for (size_t i = 0; (command = gwctl_command_at(i)); i++) {
		const char *list = command->options ? command->options : "";
		char one[40];

		for (; *list; list += strcspn(list, " "), list += *list == ' ') {
			size_t n = strcspn(list, " ");

			assert_true(n < sizeof(one));
			memcpy(one, list, n);
			one[n] = '\0';
			if (!gwctl_option_named(one))
				fail_msg("%s: %s", command->words, one);
		}
		if (command->completes && command->completes[0] == '@') {
			snprintf(line, sizeof(line), "__complete bash %s ''", command->words);
			assert_int_equal(run(*state, line), GWCTL_DONE);
		}
		assert_true(command->help && command->help[0]);
		assert_true(command->run || strcmp(command->words, "help") == 0);
		snprintf(line, sizeof(line), "%s --help", command->words);
		assert_int_equal(run(*state, line), GWCTL_DONE);
		has(((struct fixture *)*state)->out, command->help);
	}
	for (size_t i = 0; (option = gwctl_option_at(i)); i++)
		assert_ptr_equal(gwctl_option_named(option->name), option);
}

/* ---- Manual pages: what groff would complain of ---- */

/* Every request is one that an.tmac has, none is opened and left open. */
static void check_page(const char *text)
{
	static const char *const requests[] = { "TH", "SH", "TP", "PP", "RS", "RE",
						"EX", "EE", "nf", "fi", "br", "\\\"" };
	int depth = 0, plain = 0;

	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		bool known = false;

		assert_non_null(strchr(line, '\n'));
		if (*line == '\'')
			fail_msg("a request: %.40s", line);
		if (*line != '.')
			continue;
		for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
			known |= strncmp(line + 1, requests[i], strlen(requests[i])) == 0;
		if (!known)
			fail_msg("no request: %.40s", line);
		depth += strncmp(line, ".RS", 3) == 0 ? 1 : strncmp(line, ".RE", 3) == 0 ? -1 : 0;
		plain += strncmp(line, ".nf", 3) == 0 || strncmp(line, ".EX", 3) == 0;
		plain -= strncmp(line, ".fi", 3) == 0 || strncmp(line, ".EE", 3) == 0;
		assert_true(depth >= 0 && plain >= 0 && plain <= 1);
	}
	assert_int_equal(depth, 0);
	assert_int_equal(plain, 0);
}

static void makes_manual_pages(void **state)
{
	struct fixture *f = *state;
	const struct gwctl_command *command;

	assert_int_equal(run(f, "__man gwctl.1"), GWCTL_DONE);
	check_page(f->out);
	for (size_t i = 0; (command = gwctl_command_at(i)); i++)
		has(f->out, command->words);
	has(f->out, "\\fB\\-\\-suppress\\-caller\\-id\\fR[=yes|no]\n");
	assert_int_equal(run(f, "__man gateway.yaml.5"), GWCTL_DONE);
	check_page(f->out);
	has(f->out, "\\fBtrunks\\fR (mapping of names)");
	has(f->out, "\\fBpacket\\-time\\fR (");
	has(f->out, "(only where kind is cesopsn)\n");
	has(f->out, "\\fBalternate\\-caller\\-id\\fR (text)");
	f->typed = "Usage: gatewayd\n.SH broken\n  -h, --help\n";
	assert_int_equal(run(f, "__man gatewayd.8"), GWCTL_DONE);
	check_page(f->out);
	has(f->out, "\n\\&.SH broken\n  \\-h, \\-\\-help\n");
	assert_int_equal(run(f, "__man e1exchange.1"), GWCTL_DONE);
	check_page(f->out);
	f->typed = NULL;
	assert_int_equal(run(f, "__man gatewayd.8"), GWCTL_USAGE);
	assert_int_equal(run(f, "__man other"), GWCTL_USAGE);
}

/* ---- Other daemons ---- */

static void knows_another_version(void **state)
{
	struct fixture *f = *state;

	f->status = 404;
	f->body = "{\"error\":{\"code\":\"no-such-path\",\"message\":\"there is no cdrs\"}}";
	f->routes[0].asked = "v1/status";
	f->routes[0].body = "{\"version\":\"9.9.9\"}";
	f->routes[0].status = 200;
	assert_int_equal(run(f, "cdr list"), GWCTL_FAILED);
	has(f->err, "gatewayd does not know GET /api/v1/cdrs: gatewayd is version 9.9.9, this "
		    "gwctl " CAUSEWAY_VERSION "; ");
	assert_int_equal(run(f, "cdr list --json"), GWCTL_FAILED);
	has(f->err, "\"code\":\"other-version\"");
	f->status = 200; /* the path is there, what it gives is another thing */
	f->body = "{\"records\":[]}";
	assert_int_equal(run(f, "cdr list"), GWCTL_FAILED);
	has(f->err, "gatewayd's answer has no \"cdrs\": gatewayd is version 9.9.9, this "
		    "gwctl " CAUSEWAY_VERSION);
	assert_string_equal(f->out, "");
	f->routes[0].body = "{\"version\":\"" CAUSEWAY_VERSION "\"}";
	assert_int_equal(run(f, "cdr list"), GWCTL_FAILED);
	has(f->err, "though gatewayd and gwctl are both of version " CAUSEWAY_VERSION);
	f->routes[0].body = "{}";
	assert_int_equal(run(f, "cdr list"), GWCTL_FAILED);
	has(f->err, "or of a version that gwctl " CAUSEWAY_VERSION " does not know");
}

static void keeps_exit_codes(void **state)
{
	static const struct {
		unsigned status;
		int exit;
	} rows[] = {
		{ 400, GWCTL_USAGE },     { 401, GWCTL_NOT_ALLOWED }, { 403, GWCTL_NOT_ALLOWED },
		{ 404, GWCTL_NOT_FOUND }, { 405, GWCTL_USAGE },       { 409, GWCTL_CONFLICT },
		{ 413, GWCTL_USAGE },     { 422, GWCTL_USAGE },       { 500, GWCTL_FAILED },
		{ 503, GWCTL_FAILED },
	};
	struct fixture *f = *state;

	f->body = "{\"error\":{\"code\":\"c\",\"message\":\"a sentence\"}}";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f->status = rows[i].status;
		assert_int_equal(run(f, "usage add x"), rows[i].exit);
		assert_string_equal(f->err, "gwctl: a sentence\n");
	}
	f->body = "<html>"; /* no gatewayd of any version */
	f->status = 503;
	assert_int_equal(run(f, "status"), GWCTL_FAILED);
	has(f->err, "is busy; try again");
	f->rc = -EAGAIN;
	assert_int_equal(run(f, "status"), GWCTL_FAILED);
	has(f->err, "is busy: too many ask at once");
}

static void names_the_group(void **state)
{
	struct fixture *f = *state;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/test_gwctl-%d.sock", getpid());
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	if (chown(path, (uid_t)-1, 4) || chmod(path, 0660)) /* Debian's adm is 4 */
		skip();
	f->rc = -EACCES;
	snprintf(line, sizeof(line), "status --socket %s", path);
	assert_int_equal(run(f, line), GWCTL_NO_DAEMON);
	has(f->err, "join its group (`usermod -aG adm $USER`, then log in anew)");
	unlink(path);
}

/* ---- Tokens ---- */

static void makes_tokens(void **state)
{
	struct fixture *f = *state;
	unsigned char digest[32];
	char hash[65];
	json_t *json;
	const char *token;

	assert_int_equal(run(f, "token --json --name grafana --role operate"), GWCTL_DONE);
	json = json_loads(f->out, 0, NULL);
	token = json_string_value(json_object_get(json, "token"));
	assert_int_equal(strlen(token), 64);
	assert_int_equal(EVP_Digest(token, 64, digest, NULL, EVP_sha256(), NULL), 1);
	for (size_t i = 0; i < 32; i++)
		snprintf(hash + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(json_string_value(json_object_get(json, "token-sha256")), hash);
	json_decref(json);
	assert_int_equal(run(f, "token --name grafana --role operate"), GWCTL_DONE);
	has(f->out, "  - { token-sha256: ");
	has(f->out, ", name: 'grafana', role: operate }\n");
	assert_int_equal(f->questions, 0);
}

static void survives_want_of_memory(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"cdrs\":[" RECORD("01A") "],\"next\":null,\"released_by\":\"x\"}";
	sweep(f, "cdr list", GWCTL_DONE);
	sweep(f, "cdr show 1", GWCTL_DONE);
	sweep(f, "cdr export", GWCTL_DONE);
	f->body = STATUS("1");
	f->rounds = 0;
	sweep(f, "status", GWCTL_DONE);
	sweep(f, "status --watch", GWCTL_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(filters_records, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_records, setup, teardown),
		cmocka_unit_test_setup_teardown(exports_all_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(watches_in_a_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(watches_on_a_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(top_in_a_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(top_on_a_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(fits_the_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(completes, setup, teardown),
		cmocka_unit_test_setup_teardown(tables_agree, setup, teardown),
		cmocka_unit_test_setup_teardown(makes_manual_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(knows_another_version, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_exit_codes, setup, teardown),
		cmocka_unit_test_setup_teardown(names_the_group, setup, teardown),
		cmocka_unit_test_setup_teardown(makes_tokens, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_want_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
