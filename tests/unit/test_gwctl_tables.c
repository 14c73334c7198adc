/* SPDX-License-Identifier: GPL-2.0-only */
/* What gwctl asks of the API for each command that changes something, and what it says of the
 * answer. */
#include "gwctl_fixture.h"

#include <sys/stat.h>

#define CHANGED "{\"revision\":7,\"changed\":true,\"diff\":[]}"

/* ---- Every command's request ---- */

struct row {
	const char *line, *asked, *sent;
};

static void asks(struct fixture *f, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (run(f, rows[i].line) != GWCTL_DONE)
			fail_msg("gwctl %s: %s", rows[i].line, f->err);
		if (strcmp(f->last, rows[i].asked) != 0 || strcmp(f->sent, rows[i].sent) != 0)
			fail_msg("gwctl %s asked:\n%s %s\nnot\n%s %s", rows[i].line, f->last,
				 f->sent, rows[i].asked, rows[i].sent);
		if (rows[i].sent[0])
			assert_string_equal(f->type, "application/json");
	}
}
#define ASKS(f, rows) asks(f, rows, sizeof(rows) / sizeof((rows)[0]))

static void asks_for_changes_of_routes(void **state)
{
	static const struct row rows[] = {
		{ "route add London --pattern '^\\+4420' --usage National --gateway e1-london "
		  "--gateway carrier-a "
		  "--priority 10",
		  "POST /api/v1/tables/routes",
		  "{\"name\":\"London\",\"body\":{\"pattern\":\"^\\\\+4420\",\"usages\":["
		  "\"National\"],"
		  "\"gateways\":[\"e1-london\",\"carrier-a\"],\"priority\":10}}" },
		{ "route add x --pattern a --emergency --gateway b:3 --gateway c: --gateway :4 "
		  "--gateway d:x --selection "
		  "weighted --suppress-caller-id=no --alternate-caller-id '' --description 'it is' "
		  "--first",
		  "POST /api/v1/tables/routes",
		  "{\"name\":\"x\",\"body\":{\"pattern\":\"a\",\"gateways\":[{\"name\":\"b\","
		  "\"weight\":3},\"c:\",\":4\","
		  "\"d:x\"],\"selection\":\"weighted\",\"emergency\":true,\"suppress-caller-id\":"
		  "false,"
		  "\"alternate-caller-id\":\"\",\"description\":\"it is\"},\"first\":true}" },
		{ "route add x --after y --dry-run --if-revision 12",
		  "POST /api/v1/tables/routes?dry-run=true&if-revision=12",
		  "{\"name\":\"x\",\"body\":{},\"after\":\"y\"}" },
		{ "route set London --priority 20", "PATCH /api/v1/tables/routes/London",
		  "{\"priority\":20}" },
		{ "route set 'a/b c' --priority '' --description '' --emergency=no",
		  "PATCH /api/v1/tables/routes/a%2Fb%20c",
		  "{\"priority\":null,\"emergency\":false,\"description\":null}" },
		{ "route move London --before pstn", "POST /api/v1/tables/routes/London/move",
		  "{\"before\":\"pstn\"}" },
		{ "route move London --after pstn", "POST /api/v1/tables/routes/London/move",
		  "{\"after\":\"pstn\"}" },
		{ "route move London --first", "POST /api/v1/tables/routes/London/move",
		  "{\"first\":true}" },
		{ "route move London --last --dry-run",
		  "POST /api/v1/tables/routes/London/move?dry-run=true", "{\"last\":true}" },
		{ "route rename London Paris", "POST /api/v1/tables/routes/London/rename",
		  "{\"to\":\"Paris\"}" },
		{ "route del London", "DELETE /api/v1/tables/routes/London", "" },
		{ "route del London --if-revision=3",
		  "DELETE /api/v1/tables/routes/London?if-revision=3", "" },
	};
	struct fixture *f = *state;

	f->body = CHANGED;
	ASKS(f, rows);
}

static void asks_for_changes_of_the_others(void **state)
{
	static const struct row rows[] = {
		{ "usage add National", "POST /api/v1/tables/usages",
		  "{\"name\":\"National\",\"body\":{}}" },
		{ "usage del National", "DELETE /api/v1/tables/usages/National", "" },
		{ "usage move National --first", "POST /api/v1/tables/usages/National/move",
		  "{\"first\":true}" },
		{ "usage rename a b", "POST /api/v1/tables/usages/a/rename", "{\"to\":\"b\"}" },
		{ "policy add staff --usage a --usage b", "POST /api/v1/tables/policies",
		  "{\"name\":\"staff\",\"body\":{\"usages\":[\"a\",\"b\"]}}" },
		{ "policy set staff --usage b", "PATCH /api/v1/tables/policies/staff",
		  "{\"usages\":[\"b\"]}" },
		{ "policy del staff", "DELETE /api/v1/tables/policies/staff", "" },
		{ "policy rename a b", "POST /api/v1/tables/policies/a/rename", "{\"to\":\"b\"}" },
		{ "gateway add g --member a --member b --description d",
		  "POST /api/v1/tables/gateways",
		  "{\"name\":\"g\",\"body\":{\"members\":[\"a\",\"b\"],\"description\":\"d\"}}" },
		{ "gateway set g --member a", "PATCH /api/v1/tables/gateways/g",
		  "{\"members\":[\"a\"]}" },
		{ "gateway del g", "DELETE /api/v1/tables/gateways/g", "" },
		{ "gateway rename g h", "POST /api/v1/tables/gateways/g/rename", "{\"to\":\"h\"}" },
		{ "dialplan add uk", "POST /api/v1/tables/dial-plans",
		  "{\"name\":\"uk\",\"body\":{}}" },
		{ "dialplan del uk", "DELETE /api/v1/tables/dial-plans/uk", "" },
		{ "dialplan rename uk gb", "POST /api/v1/tables/dial-plans/uk/rename",
		  "{\"to\":\"gb\"}" },
		{ "translation add t", "POST /api/v1/tables/translations",
		  "{\"name\":\"t\",\"body\":{}}" },
		{ "translation del t", "DELETE /api/v1/tables/translations/t", "" },
		{ "translation rename t u", "POST /api/v1/tables/translations/t/rename",
		  "{\"to\":\"u\"}" },
		{ "rule add n --dialplan uk --pattern '^0(\\d+)$' --becomes '+44$1' --type "
		  "national --plan isdn "
		  "--match-type unknown --before m",
		  "POST /api/v1/tables/rules",
		  "{\"name\":\"n\",\"body\":{\"pattern\":\"^0(\\\\d+)$\",\"translation\":\"+44$1\","
		  "\"type\":\"national\","
		  "\"plan\":\"isdn\",\"match-type\":\"unknown\"},\"before\":\"m\",\"parent\":"
		  "\"uk\"}" },
		{ "rule add n --translation t --pattern a --becomes ''",
		  "POST /api/v1/tables/translation-rules",
		  "{\"name\":\"n\",\"body\":{\"pattern\":\"a\",\"translation\":\"\"},\"parent\":"
		  "\"t\"}" },
		{ "rule set n --dialplan uk --becomes '' --type ''",
		  "PATCH /api/v1/tables/rules/uk%2Fn", "{\"translation\":\"\",\"type\":null}" },
		{ "rule set n --translation t --pattern b",
		  "PATCH /api/v1/tables/translation-rules/t%2Fn", "{\"pattern\":\"b\"}" },
		{ "rule move n --dialplan uk --last", "POST /api/v1/tables/rules/uk%2Fn/move",
		  "{\"last\":true}" },
		{ "rule rename n m --translation t",
		  "POST /api/v1/tables/translation-rules/t%2Fn/rename", "{\"to\":\"m\"}" },
		{ "rule del n --dialplan 'u k'", "DELETE /api/v1/tables/rules/u%20k%2Fn", "" },
	};
	struct fixture *f = *state;

	f->body = CHANGED;
	ASKS(f, rows);
}

static void asks_for_steering(void **state)
{
	static const struct row rows[] = {
		{ "trunk enable core", "POST /api/v1/trunks/core/enable", "" },
		{ "trunk disable core", "POST /api/v1/trunks/core/disable", "" },
		{ "trunk disable core --now", "POST /api/v1/trunks/core/disable?now=true", "" },
		{ "span enable e1/1", "POST /api/v1/spans/e1%2F1/enable", "" },
		{ "span disable e1 --now", "POST /api/v1/spans/e1/disable?now=true", "" },
		{ "span drain e1", "POST /api/v1/spans/e1/drain", "" },
		{ "config reload", "POST /api/v1/config/reload", "" },
		{ "config reload --now", "POST /api/v1/config/reload?now=true", "" },
		{ "config diff", "GET /api/v1/config/diff", "" },
		{ "config check", "POST /api/v1/config/check", "" },
		{ "store status", "GET /api/v1/store", "" },
		{ "store backup /b", "POST /api/v1/store/backup",
		  "{\"path\":\"/b\",\"what\":\"tables\"}" },
		{ "store backup /b --records", "POST /api/v1/store/backup",
		  "{\"path\":\"/b\",\"what\":\"records\"}" },
		{ "store restore /b --yes", "POST /api/v1/store/restore",
		  "{\"path\":\"/b\",\"what\":\"tables\"}" },
		{ "store restore /b --yes --records", "POST /api/v1/store/restore",
		  "{\"path\":\"/b\",\"what\":\"records\"}" },
		{ "store migrate", "POST /api/v1/store/migrate", "" },
		{ "history", "GET /api/v1/history?limit=20", "" },
		{ "history --limit 3", "GET /api/v1/history?limit=3", "" },
		{ "history 12", "GET /api/v1/history/12", "" },
		{ "export", "GET /api/v1/export", "" },
	};
	struct fixture *f = *state;
	char here[1024], sent[1200];

	f->body = "{\"revision\":7,\"changed\":true,\"diff\":[],\"admin\":\"enabled\",\"path\":\"/"
		  "b\",\"what\":\"tables\","
		  "\"differences\":[],\"tables\":{},\"history\":[]}";
	ASKS(f, rows);
	assert_non_null(getcwd(here, sizeof(here)));
	snprintf(sent, sizeof(sent), "{\"path\":\"%s/b\",\"what\":\"tables\"}", here);
	assert_int_equal(run(f, "store backup b"), GWCTL_DONE); /* from / on */
	assert_string_equal(f->sent, sent);
}

static void asks_for_what_is_there(void **state)
{
	static const struct row rows[] = {
		{ "route list", "GET /api/v1/tables/routes", "" },
		{ "route show a/b", "GET /api/v1/tables/routes/a%2Fb", "" },
		{ "usage list --json", "GET /api/v1/tables/usages", "" },
		{ "policy list", "GET /api/v1/tables/policies", "" },
		{ "policy show p", "GET /api/v1/tables/policies/p", "" },
		{ "gateway list", "GET /api/v1/tables/gateways", "" },
		{ "dialplan list --json", "GET /api/v1/tables/dial-plans", "" },
		{ "dialplan show uk --json", "GET /api/v1/tables/dial-plans/uk", "" },
		{ "dialplan show uk", "GET /api/v1/tables/rules?parent=uk", "" },
		{ "translation show t", "GET /api/v1/tables/translation-rules?parent=t", "" },
		{ "rule list", "GET /api/v1/tables/rules", "" },
		{ "rule list --dialplan uk", "GET /api/v1/tables/rules?parent=uk", "" },
		{ "rule list --translation t", "GET /api/v1/tables/translation-rules?parent=t",
		  "" },
		{ "rule show n --dialplan uk", "GET /api/v1/tables/rules/uk%2Fn", "" },
		{ "rule show n --translation t", "GET /api/v1/tables/translation-rules/t%2Fn", "" },
		{ "trunk show core", "GET /api/v1/trunks/core", "" },
	};
	struct fixture *f = *state;

	f->body = "{\"objects\":[],\"body\":{},\"name\":\"x\"}";
	ASKS(f, rows);
}

/* ---- The command line goes along, and can be pasted again ---- */

static void tells_the_command(void **state)
{
	static const char *const rows[][2] = {
		{ "usage add National", "gwctl usage add National" },
		{ "route set a --pattern '^\\+4420'", "gwctl route set a --pattern '^\\+4420'" },
		{ "route set a --description ''", "gwctl route set a --description ''" },
		{ "route set a --description \"it's\"",
		  "gwctl route set a --description '\"it'\\''s\"'" },
		{ "route set a --description b\nc", "gwctl route set a --description 'b?c'" },
	};
	struct fixture *f = *state;

	f->body = CHANGED;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(run(f, rows[i][0]), GWCTL_DONE);
		assert_string_equal(f->command, rows[i][1]);
	}
}

/* ---- What is wrong before anything is asked ---- */

static void refuses_by_itself(void **state)
{
	static const char *const rows[][2] = {
		{ "route add", "usage: gwctl route add NAME" },
		{ "route set London", "nothing is given to be set" },
		{ "route set London --priority 1x", "--priority 1x: a whole number is accepted" },
		{ "route set London --emergency=maybe",
		  "--emergency maybe: yes or no is accepted" },
		{ "route set London --gatway x",
		  "there is no option --gatway; did you mean --gateway?" },
		{ "route set London --member x", "--member does not belong to `route set`" },
		{ "route set London --priority 1 --priority 2", "--priority is given twice" },
		{ "route move London", "where to? One of --before NAME" },
		{ "route move London --first --last", "where to? One of" },
		{ "route add London --if-revision x", "--if-revision x: a whole number from 1" },
		{ "route rename London", "usage: gwctl route rename NAME NEW" },
		{ "rule add n --pattern a", "a rule of what? Add --dialplan NAME" },
		{ "rule show n", "a rule of what? Add --dialplan NAME" },
		{ "rule del n --dialplan a --translation b", "not both" },
		{ "rule list --dialplan a --translation b", "not both" },
		{ "usage set a", "there is no command \"usage set\"; behind \"usage\" there are: "
				 "list, show, add" },
		{ "route delete x", "did you mean \"route del\"?" },
		{ "call kill x", "did you mean \"call hangup\"?" },
		{ "show route x", "did you mean \"route show\"?" },
		{ "list routes", "did you mean \"route list\"?" },
		{ "reload", "did you mean \"config reload\"?" },
		{ "trace last", "did you mean \"call trace\"?" },
		{ "show x", "there is no command \"show x\"" },
		{ "rout test", "did you mean \"route test\"?" },
		{ "route tset 1", "did you mean \"route test\"?" },
		{ "dial-plan list", "did you mean \"dialplan list\"?" },
		{ "routes", "did you mean \"route list\"?" },
		{ "polcy add x", "did you mean \"policy add\"?" },
		{ "history x", "x is no revision: `gwctl history`" },
		{ "rollback -- -1", "-1 is no revision" },
		{ "rollback", "usage: gwctl rollback REVISION" },
		{ "apply - ", "nobody can be asked: add --yes" },
		{ "apply /nonexistent", "/nonexistent: No such file" },
		{ "apply /", "/: " },
		{ "token --role king", "read, operate or admin" },
		{ "token --name a'b", "without quotes" },
		{ "completion fish", "bash and zsh" },
		{ "status --watch=x", "seconds from 0.1" },
		{ "usage add x --watch", "--watch does not belong to `usage add`" },
		{ "route set a --description \xff", "its value is no UTF-8" },
		{ "usage add \xff", "no UTF-8" },
		{ "policy add p --usage \xff", "--usage: its value is no UTF-8" },
		{ "route set p --add-usage \xff", "--add-usage: its value is no UTF-8" },
		{ "usage add p --before \xff", "--before: its value is no UTF-8" },
		{ "usage rename a \xff", "no UTF-8" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(run(f, rows[i][0]), GWCTL_USAGE);
		has(f->err, rows[i][1]);
		assert_int_equal(f->questions, 0);
		assert_string_equal(f->out, "");
	}
}

/* ---- What is said of the answer ---- */

static void tells_what_became_of_it(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"revision\":7,\"changed\":true,\"diff\":[{\"kind\":\"route\",\"parent\":\"\","
		  "\"name\":\"London\","
		  "\"before\":{\"description\":\"same\",\"pattern\":\"a\",\"gateways\":[\"x\"],"
		  "\"priority\":5},\"after\":{\"description\":\"same\","
		  "\"pattern\":\"b\\u001b[2J\\u009b\","
		  "\"gateways\":[\"x\",{\"name\":\"y\",\"weight\":3}],\"emergency\":true},"
		  "\"moved\":true}]}";
	assert_int_equal(run(f, "route set London --pattern b"), GWCTL_DONE);
	assert_string_equal(f->out, "Route London is changed: revision 7.\n"
				    "  ~ route London (moved)\n"
				    "      pattern: a becomes b?[2J??\n"
				    "      gateways: x becomes x, y:3\n"
				    "      priority: 5 is taken away\n"
				    "      emergency: yes\n");
	assert_int_equal(run(f, "route set London --pattern b --dry-run"), GWCTL_DONE);
	has(f->out,
	    "Dry run: route London would be changed; nothing was changed.\n  ~ route London");
	assert_int_equal(run(f, "route set London --pattern b --json"), GWCTL_DONE);
	has(f->out, "\"revision\": 7");
	f->body = "{\"revision\":7,\"changed\":true,\"diff\":[{\"kind\":\"rule\",\"parent\":\"uk\","
		  "\"name\":\"n\",\"before\":null,"
		  "\"after\":{\"pattern\":\"a\"},\"moved\":false},{\"kind\":\"usage\",\"parent\":"
		  "\"\",\"name\":\"U\","
		  "\"before\":{},\"after\":null,\"moved\":false}]}";
	assert_int_equal(run(f, "rule add n --dialplan uk --pattern a --dry-run"), GWCTL_DONE);
	assert_string_equal(f->out, "Dry run: rule uk/n would be added; nothing was changed.\n"
				    "  + rule uk/n\n      pattern: a\n  - usage U\n");
	assert_int_equal(run(f, "rule add n --dialplan uk --pattern a"), GWCTL_DONE);
	assert_string_equal(f->out, "Rule uk/n is added: revision 7.\n");
	assert_int_equal(run(f, "usage del U"), GWCTL_DONE);
	has(f->out, "Usage U is deleted: revision 7.\n");
	assert_int_equal(run(f, "dialplan rename a b"), GWCTL_DONE);
	has(f->out, "Dial plan a is renamed to b: revision 7.\n");
	f->body = "{\"revision\":7,\"changed\":false,\"diff\":[]}";
	assert_int_equal(run(f, "route move London --first"), GWCTL_DONE);
	assert_string_equal(f->out, "Route London stands there already; revision is still 7.\n");
}

static void lists_tables(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"revision\":3,\"objects\":[{\"name\":\"last\",\"body\":{\"pattern\":\"a\","
		  "\"usages\":[\"u\",\"v\"],"
		  "\"gateways\":[\"x\",{\"name\":\"y\",\"weight\":2}]}},{\"name\":\"first\","
		  "\"body\":{\"pattern\":\"b\","
		  "\"gateways\":[\"x\"],\"emergency\":true,\"priority\":200}},{\"name\":\"second\","
		  "\"body\":{\"pattern\":\"c\","
		  "\"gateways\":[\"x\"],\"usages\":[\"u\"],\"priority\":-1,\"description\":\"d "
		  "e\"}}]}";
	assert_int_equal(run(f, "route list"), GWCTL_DONE);
	assert_string_equal(
		f->out,
		"ROUTE   PATTERN  USAGES  GATEWAYS  PRIORITY  SELECTION  EMERGENCY  DESCRIPTION\n"
		"first   b        -       x              200  ordered    yes        -\n"
		"second  c        u       x               -1  ordered    no         d e\n"
		"last    a        u, v    x, y:2         100  ordered    no         -\n");
	f->columns = 50;
	assert_int_equal(run(f, "route list"), GWCTL_DONE);
	has(f->out, "last    a        u, v    x, y:2         100  ");
	f->columns = 0;
	f->body = "{\"objects\":[{\"name\":\"n\",\"parent\":\"uk\",\"body\":{\"pattern\":\"p\","
		  "\"translation\":\"t\","
		  "\"match-type\":\"national\"}}]}";
	assert_int_equal(run(f, "rule list"), GWCTL_DONE);
	assert_string_equal(f->out,
			    "DIAL PLAN  RULE  PATTERN  BECOMES  TYPE     MATCH TYPE  DESCRIPTION\n"
			    "uk         n     p        t        by-form  national    -\n");
	assert_int_equal(run(f, "rule list --translation t"), GWCTL_DONE);
	has(f->out, "RULE  PATTERN");
	f->routes[0].asked = "tables/dial-plans";
	f->routes[0].body =
		"{\"objects\":[{\"name\":\"uk\",\"body\":{}},{\"name\":\"us\",\"body\":{}}]}";
	assert_int_equal(run(f, "dialplan list"), GWCTL_DONE);
	assert_string_equal(f->out, "DIAL PLAN  RULES\nuk             1\nus             0\n");
	f->routes[0].asked = "tables/policies";
	f->routes[0].body =
		"{\"objects\":[{\"name\":\"staff\",\"body\":{\"usages\":[\"a\",\"u\"]}}]}";
	f->body = "{\"objects\":[{\"name\":\"u\",\"body\":{\"usages\":[\"u\"]}},{\"name\":\"b\","
		  "\"body\":{}}]}";
	assert_int_equal(run(f, "usage list"), GWCTL_DONE);
	assert_string_equal(f->out,
			    "USAGE  POLICIES  ROUTES\nu      staff     u\nb      -         -\n");
	f->routes[0].asked = NULL;
	f->body = "{\"objects\":[]}";
	assert_int_equal(run(f, "policy list"), GWCTL_DONE);
	assert_string_equal(f->out, "There are no policies yet.\n");
	assert_int_equal(run(f, "dialplan list"), GWCTL_DONE);
	assert_string_equal(f->out, "There are no dial plans yet.\n");
}

static void shows_one(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"kind\":\"usage\",\"parent\":\"\",\"name\":\"u\",\"body\":{},\"revision\":3}";
	f->routes[0].asked = "tables/routes";
	f->routes[0].body =
		"{\"objects\":[{\"name\":\"r\",\"body\":{\"usages\":[\"u\"],\"gateways\":[{"
		"\"name\":\"g\"}]}},"
		"{\"name\":\"s\",\"body\":{\"usages\":[\"v\",\"u\"],\"gateways\":[\"g\"]}}]}";
	f->routes[1].asked = "tables/policies";
	f->routes[1].body = "{\"objects\":[{\"name\":\"p\",\"body\":{\"usages\":[\"v\"]}}]}";
	assert_int_equal(run(f, "usage show u"), GWCTL_DONE);
	assert_string_equal(
		f->out, "USAGE  VALUE\nname   u\n\nNAMED BY  WHICH\npolicies  -\nroutes    r, s\n");
	f->body = "{\"name\":\"g\",\"body\":{\"members\":[\"a\",\"b\"]}}";
	assert_int_equal(run(f, "gateway show g"), GWCTL_DONE);
	has(f->out, "member       a, b\n");
	has(f->out, "routes    r, s\n");
	f->body = "{\"name\":\"n\",\"parent\":\"uk\",\"body\":{\"pattern\":\"p\",\"translation\":"
		  "\"\"}}";
	assert_int_equal(run(f, "rule show n --dialplan uk"), GWCTL_DONE);
	has(f->out, "dial plan    uk\npattern      p\nbecomes      \ntype         by-form\n");
}

/* One more, one less: of the list as it is, and not if somebody was faster. */
static void edits_lists(void **state)
{
	static const struct row rows[] = {
		{ "route set r --add-gateway c:2 --remove-gateway a --add-usage v",
		  "PATCH /api/v1/tables/routes/r?if-revision=5",
		  "{\"usages\":[\"u\",\"v\"],\"gateways\":[{\"name\":\"b\",\"weight\":3},{\"name\":"
		  "\"c\","
		  "\"weight\":2}]}" },
		{ "route set r --add-gateway b:7 --add-gateway a --priority 3 --dry-run",
		  "PATCH /api/v1/tables/routes/r?dry-run=true&if-revision=5",
		  "{\"priority\":3,\"gateways\":[\"a\",{\"name\":\"b\",\"weight\":7}]}" },
		{ "policy set r --remove-usage u --if-revision 4",
		  "PATCH /api/v1/tables/policies/r?if-revision=4", "{\"usages\":[]}" },
		{ "gateway set r --add-member x", "PATCH /api/v1/tables/gateways/r?if-revision=5",
		  "{\"members\":[\"x\"]}" },
	};
	struct fixture *f = *state;

	f->body = CHANGED;
	f->routes[0].asked = "GET ";
	f->routes[0].body =
		"{\"name\":\"r\",\"revision\":5,\"body\":{\"usages\":[\"u\"],\"gateways\":"
		"[\"a\",{\"name\":\"b\",\"weight\":3}]}}";
	ASKS(f, rows);
	has(f->all, "GET /api/v1/tables/gateways/r\n");
	assert_int_equal(run(f, "route set r --remove-gateway c"), GWCTL_NOT_FOUND);
	has(f->err, "--remove-gateway c: it is not in the list; there are: a, b");
	assert_int_equal(f->questions, 1);
	assert_int_equal(run(f, "route set r --add-usage x --usage y"), GWCTL_USAGE);
	has(f->err, "--usage gives the list whole");
	assert_int_equal(run(f, "route set r --add-member x"), GWCTL_USAGE);
	has(f->err, "--add-member does not belong to `route set`");
	f->routes[0].status = 404;
	f->routes[0].body =
		"{\"error\":{\"code\":\"no-such-object\",\"message\":\"did you mean s?\"}}";
	assert_int_equal(run(f, "route set r --add-usage x"), GWCTL_NOT_FOUND);
	assert_int_equal(f->questions, 1);
}

/* ---- The whole: shown, asked, made only if nobody was faster ---- */

#define DIFFERS                                                                                    \
	"{\"revision\":7,\"changed\":true,\"diff\":[{\"kind\":\"usage\",\"parent\":\"\",\"name\":" \
	"\"U\",\"before\":null,"                                                                   \
	"\"after\":{},\"moved\":false}]}"

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void applies_carefully(void **state)
{
	struct fixture *f = *state;
	char path[64], line[128];

	snprintf(path, sizeof(path), "/tmp/test_gwctl-%d.yaml", getpid());
	write_file(path, "usages: [U]\n");
	f->body = "{\"revision\":8,\"changed\":true,\"diff\":[]}";
	f->routes[0].asked = "dry-run=true";
	f->routes[0].body = DIFFERS;
	snprintf(line, sizeof(line), "apply %s", path);
	assert_int_equal(run(f, line), GWCTL_USAGE); /* in a pipe */
	assert_string_equal(f->out, "  + usage U\n1 change.\n");
	has(f->err, "nobody is there to be asked: nothing was changed; add --yes");
	assert_string_equal(f->all, "POST /api/v1/apply?dry-run=true");
	assert_string_equal(f->sent, "usages: [U]\n");
	assert_string_equal(f->type, "application/yaml");
	f->asks = true;
	f->typed = "n\n";
	assert_int_equal(run(f, line), GWCTL_USAGE);
	has(f->err, "Make this change? [y/N] gwctl: nothing was changed");
	assert_int_equal(f->questions, 1);
	f->typed = "y\n";
	assert_int_equal(run(f, line), GWCTL_DONE);
	assert_string_equal(f->all,
			    "POST /api/v1/apply?dry-run=true\nPOST /api/v1/apply?if-revision=7");
	assert_string_equal(f->sent, "usages: [U]\n");
	has(f->out, "Done: revision 8. `gwctl rollback 7` takes it back.\n");
	f->asks = false;
	snprintf(line, sizeof(line), "apply %s --yes", path);
	assert_int_equal(run(f, line), GWCTL_DONE);
	assert_int_equal(f->questions, 2);
	snprintf(line, sizeof(line), "apply %s --yes --json", path);
	assert_int_equal(run(f, line), GWCTL_DONE);
	has(f->out, "{\n  \"revision\": 8");
	snprintf(line, sizeof(line), "apply %s --dry-run", path);
	assert_int_equal(run(f, line), GWCTL_DONE);
	assert_string_equal(f->all, "POST /api/v1/apply?dry-run=true");
	f->routes[1].asked = "if-revision=7"; /* somebody was faster */
	f->routes[1].body =
		"{\"error\":{\"code\":\"stale\",\"message\":\"the tables are at revision 9\"}}";
	f->routes[1].status = 409;
	snprintf(line, sizeof(line), "apply %s --yes", path);
	assert_int_equal(run(f, line), GWCTL_CONFLICT);
	has(f->err, "somebody changed the tables meanwhile");
	f->routes[0].body = "{\"revision\":7,\"changed\":false,\"diff\":[]}";
	assert_int_equal(run(f, line), GWCTL_DONE);
	assert_string_equal(f->out, "Nothing to change: the tables (revision 7) are like that.\n");
	f->routes[0].body =
		"{\"error\":{\"code\":\"refused\",\"message\":\"2 faults; nothing was changed\","
		"\"faults\":[\"2:1: a\",\"route x: b\"]}}";
	f->routes[0].status = 422;
	assert_int_equal(run(f, line), GWCTL_USAGE);
	snprintf(line, sizeof(line),
		 "gwctl: 2 faults; nothing was changed\n  %s:2:1: a\n  route x: b\n", path);
	assert_string_equal(f->err, line);
	unlink(path);
}

static void applies_what_is_typed(void **state)
{
	struct fixture *f = *state;

	f->typed = "usages: [U]\n";
	f->body = CHANGED;
	f->routes[0].asked = "dry-run=true";
	f->routes[0].body = DIFFERS;
	assert_int_equal(run(f, "apply - --yes"), GWCTL_DONE);
	assert_string_equal(f->sent, "usages: [U]\n");
	assert_int_equal(f->questions, 2);
}

static void rolls_back(void **state)
{
	struct fixture *f = *state;

	f->body = CHANGED;
	f->routes[0].asked = "dry-run=true";
	f->routes[0].body = DIFFERS;
	assert_int_equal(run(f, "rollback 5"), GWCTL_USAGE);
	assert_string_equal(f->all, "POST /api/v1/rollback/5?dry-run=true");
	assert_int_equal(run(f, "rollback 5 --yes"), GWCTL_DONE);
	assert_string_equal(
		f->all,
		"POST /api/v1/rollback/5?dry-run=true\nPOST /api/v1/rollback/5?if-revision=7");
	assert_int_equal(run(f, "rollback 5 --yes --if-revision 6"), GWCTL_DONE);
	assert_string_equal(f->last, "POST /api/v1/rollback/5?if-revision=7"); /* as it was shown */
	has(f->all, "POST /api/v1/rollback/5?dry-run=true&if-revision=6\n");
}

static void exports(void **state)
{
	struct fixture *f = *state;
	char path[64], line[128], text[64] = "";
	FILE *file;

	f->body = "usages: [\"U\"]\n";
	assert_int_equal(run(f, "export"), GWCTL_DONE);
	assert_string_equal(f->out, f->body);
	assert_int_equal(run(f, "export --json"), GWCTL_DONE);
	has(f->out, "\"yaml\": \"usages: [\\\"U\\\"]\\n\"");
	snprintf(path, sizeof(path), "/tmp/test_gwctl-%d.yaml", getpid());
	write_file(path, "old");
	snprintf(line, sizeof(line), "export %s", path);
	assert_int_equal(run(f, line), GWCTL_DONE);
	assert_string_equal(f->out, "");
	file = fopen(path, "r");
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, f->body);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0); /* a folder can't be replaced */
	assert_int_equal(run(f, line), GWCTL_FAILED);
	has(f->err, ": Is a directory");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(run(f, "export /nonexistent/x"), GWCTL_FAILED);
	has(f->err, "/nonexistent/x: No such file");
	f->status = 503;
	f->body = "{\"error\":{\"code\":\"busy\",\"message\":\"try again\"}}";
	assert_int_equal(run(f, line), GWCTL_FAILED);
	assert_int_not_equal(access(path, F_OK), 0); /* nothing half is left */
}

static void shows_history(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"history\":[{\"revision\":12,\"time\":\"2026-01-01T10:20:30.123Z\",\"who\":"
		  "\"anna\",\"origin\":\"socket, pid 7\","
		  "\"what\":\"gwctl usage add U\\u001b\",\"objects\":1}],\"next\":11}";
	assert_int_equal(run(f, "history"), GWCTL_DONE);
	assert_string_equal(
		f->out,
		"REVISION  TIME (UTC)           WHO   FROM           OBJECTS  WHAT\n"
		"      12  2026-01-01 10:20:30  anna  socket, pid 7        1  gwctl usage add U?\n"
		"… and older ones; --limit N shows more\n");
	f->body = "{\"revision\":12,\"time\":\"2026-01-01T10:20:30.123Z\",\"who\":\"anna\","
		  "\"origin\":\"socket, pid 7\",\"what\":\"w\","
		  "\"diff\":[{\"kind\":\"usage\",\"parent\":\"\",\"name\":\"U\",\"before\":null,"
		  "\"after\":{},\"moved\":false}]}";
	assert_int_equal(run(f, "history 12"), GWCTL_DONE);
	assert_string_equal(
		f->out,
		"revision 12, 2026-01-01 10:20:30 UTC, by anna (socket, pid 7): w\n  + usage U\n");
}

static void switches(void **state)
{
	struct fixture *f = *state;

	f->body = "{\"kind\":\"trunk\",\"name\":\"core\",\"admin\":\"draining\",\"calls\":2}";
	assert_int_equal(run(f, "trunk disable core"), GWCTL_DONE);
	assert_string_equal(f->out,
			    "The trunk core takes no new calls; 2 calls are still on it.\n");
	f->body = "{\"kind\":\"span\",\"name\":\"e1\",\"admin\":\"disabled\",\"calls\":0}";
	assert_int_equal(run(f, "span drain e1"), GWCTL_DONE);
	assert_string_equal(f->out, "The span e1 takes no new calls, and there are none on it.\n");
	f->body = "{\"kind\":\"span\",\"name\":\"e1\",\"admin\":\"enabled\",\"calls\":0}";
	assert_int_equal(run(f, "span enable e1"), GWCTL_DONE);
	assert_string_equal(f->out, "The span e1 takes new calls.\n");
}

static void reloads(void **state)
{
	struct fixture *f = *state;

	f->body =
		"{\"path\":\"/"
		"g\",\"differences\":[{\"object\":\"trunk\",\"name\":\"core\",\"verb\":\"changed\","
		"\"effect\":\"drains\",\"keys\":\"peer\"},{\"object\":\"store\",\"name\":\"store\","
		"\"verb\":\"changed\","
		"\"effect\":\"restart\",\"keys\":\"\"}]}";
	assert_int_equal(run(f, "config diff"), GWCTL_DONE);
	assert_string_equal(f->out, "OBJECT  NAME   CHANGE   EFFECT                 KEYS\n"
				    "trunk   core   changed  calls on it end first  peer\n"
				    "store   store  changed  only by a restart      \n");
	f->body = "{\"path\":\"/g\",\"differences\":[]}";
	assert_int_equal(run(f, "config diff"), GWCTL_DONE);
	assert_string_equal(f->out, "A reload would change nothing.\n");
	f->body = "{\"changed\":true,\"differences\":[{\"object\":\"span\",\"name\":\"e\",\"verb\":"
		  "\"added\",\"effect\":\"at-once\","
		  "\"keys\":null}]}";
	assert_int_equal(run(f, "config reload"), GWCTL_DONE);
	has(f->out, "Reloaded. What changed:\n");
	has(f->out, "span    e     added   at once  -\n");
	f->body = "{\"path\":\"/g\",\"trunks\":1,\"lines\":2,\"spans\":0}";
	assert_int_equal(run(f, "config check"), GWCTL_DONE);
	assert_string_equal(f->out,
			    "/g is good: 1 trunk, 2 lines, 0 spans; a reload would take it\n");
	f->body =
		"{\"what\":\"tables\",\"path\":\"/b\",\"revision\":9,\"changed\":true,\"diff\":[]}";
	assert_int_equal(run(f, "store restore /b"), GWCTL_USAGE);
	assert_int_equal(f->questions, 0);
	assert_int_equal(run(f, "store restore /b --yes"), GWCTL_DONE);
	assert_string_equal(f->out, "The tables are those of /b: revision 9.\n");
	f->body = "{\"tables\":1,\"records\":2}";
	assert_int_equal(run(f, "store migrate"), GWCTL_DONE);
	assert_string_equal(f->out,
			    "Schema of the tables: version 1; of the records: version 2.\n");
}

static void survives_want_of_memory(void **state)
{
	struct fixture *f = *state;

	f->body = DIFFERS;
	sweep(f, "route set a --pattern b --gateway c", GWCTL_DONE);
	sweep(f, "rollback 3 --yes", GWCTL_DONE);
	sweep(f, "store backup x", GWCTL_DONE);
	f->body = "{\"objects\":[{\"name\":\"a\",\"body\":{\"pattern\":\"b\",\"gateways\":[\"c\"]}}"
		  "],\"name\":\"a\",\"body\":{}}";
	sweep(f, "route list", GWCTL_DONE);
	sweep(f, "usage show a", GWCTL_DONE);
	f->status = 422;
	f->body = "{\"error\":{\"code\":\"refused\",\"message\":\"2\",\"faults\":[\"a\",\"b\"]}}";
	sweep(f, "route del a", GWCTL_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(asks_for_changes_of_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(asks_for_changes_of_the_others, setup, teardown),
		cmocka_unit_test_setup_teardown(asks_for_steering, setup, teardown),
		cmocka_unit_test_setup_teardown(asks_for_what_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_the_command, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_what_became_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_one, setup, teardown),
		cmocka_unit_test_setup_teardown(edits_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(applies_carefully, setup, teardown),
		cmocka_unit_test_setup_teardown(applies_what_is_typed, setup, teardown),
		cmocka_unit_test_setup_teardown(rolls_back, setup, teardown),
		cmocka_unit_test_setup_teardown(exports, setup, teardown),
		cmocka_unit_test_setup_teardown(shows_history, setup, teardown),
		cmocka_unit_test_setup_teardown(switches, setup, teardown),
		cmocka_unit_test_setup_teardown(reloads, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_want_of_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
