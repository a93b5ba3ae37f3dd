/* Functions over hosts, asked through the pool as the scheduler does. */
#include "script_kit.h"

#include "script/judge.h"
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

static char folder[] = "/tmp/perigee-judge-XXXXXX";

enum { HOSTS = 3 };

struct world {
    struct event_base *base;
    struct worker_pool *pool;
    Perigee__Verdicts *verdicts;
    uint32_t evaluated;
    struct buf stdlib; /* another release */
};

static void on_done(void *context, uint64_t ticket, struct bytes result)
{
    struct world *w = context;
    (void)ticket;
    (void)result;
    w->evaluated++;
}

static void on_judged(void *context, uint64_t ticket, struct bytes result)
{
    struct world *w = context;
    assert_int_equal(ticket, 7);
    perigee__verdicts__free_unpacked(w->verdicts, NULL);
    w->verdicts = perigee__verdicts__unpack(NULL, result.size, result.data);
    assert_non_null(w->verdicts);
    event_base_loopbreak(w->base);
}

static int set_up(void **state)
{
    static struct world w;
    w = (struct world){.base = event_base_new()};
    assert_int_equal(worker_pool_open(&w.pool, w.base, NULL, on_done, &w, NULL),
                     0);
    worker_pool_on_judged(w.pool, on_judged);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    perigee__verdicts__free_unpacked(w->verdicts, NULL);
    buf_release(&w->stdlib);
    worker_pool_close(w->pool);
    event_base_free(w->base);
    return 0;
}

/* --- questions --- */

static struct buf make_bundle(const char *text)
{
    char path[64];
    struct err err = {0};
    struct buf bytes = {0};
    Perigee__Evaluation *out = NULL;
    snprintf(path, sizeof path, "%s/f.lua", folder);
    assert_int_equal(file_write(path, bytes_of_text(text), 0644, false, &err),
                     0);
    assert_int_equal(
        script_evaluate_file(path, NULL, NULL, 0, NULL, &out, &err), 0);
    if (out->n_problems > 0)
        fail_msg("%s", out->problems[0]->message);
    buf_add(&bytes, out->bundle.data, out->bundle.len);
    perigee__evaluation__free_unpacked(out, NULL);
    return bytes;
}

/* Hosts h0 to h2: rack r0 to r2, disk twice, zone z; 4.5 cores and 8 GiB. */
static void ask(struct world *w, struct bytes bundle, Perigee__Judgement *j)
{
    static char name[HOSTS][8], rack[HOSTS][8];
    Perigee__Host host[HOSTS];
    Perigee__Host *hosts[HOSTS];
    Perigee__HostAttribute attribute[HOSTS][3];
    Perigee__HostAttribute *attributes[HOSTS][3];
    static const char *const names[] = {"rack", "disk", "disk"};
    static const char *const values[] = {NULL, "ssd", "hdd"};
    struct timeval end = {20, 0};
    uint8_t packed[2048];
    for (int i = 0; i < HOSTS; i++) {
        perigee__host__init(&host[i]);
        snprintf(name[i], sizeof name[i], "h%d", i);
        snprintf(rack[i], sizeof rack[i], "r%d", i);
        host[i].hostname = host[i].id = name[i];
        host[i].zone = (char *)"z";
        host[i].has_cpu_milli = host[i].has_ram_bytes = true;
        host[i].cpu_milli = 4500;
        host[i].ram_bytes = INT64_C(8) << 30;
        for (int k = 0; k < 3; k++) {
            perigee__host_attribute__init(&attribute[i][k]);
            attribute[i][k].name = (char *)names[k];
            attribute[i][k].value = k == 0 ? rack[i] : (char *)values[k];
            attributes[i][k] = &attribute[i][k];
        }
        host[i].n_attributes = 3;
        host[i].attributes = attributes[i];
        hosts[i] = &host[i];
    }
    j->has_kind = true;
    j->hosts = hosts;
    j->n_hosts = j->event != NULL ? 0 : HOSTS;
    size_t size = perigee__judgement__pack(j, packed);
    assert_int_equal(worker_pool_judge(w->pool, 7, bundle,
                                       bytes_of(packed, size),
                                       buf_bytes(&w->stdlib), NULL),
                     0);
    event_base_loopexit(w->base, &end);
    event_base_dispatch(w->base);
    assert_non_null(w->verdicts);
}

/* The verdicts as one text: "1 0 f.lua:3: why". */
static const char *told(const struct world *w)
{
    static char text[1024];
    text[0] = '\0';
    for (size_t i = 0; i < w->verdicts->n_verdicts; i++) {
        const Perigee__Verdict *v = w->verdicts->verdicts[i];
        size_t used = strlen(text);
        if (v->failure != NULL)
            snprintf(text + used, sizeof text - used, "%s%s%s", i ? " " : "",
                     v->failure, v->passing ? " (passing)" : "");
        else
            snprintf(text + used, sizeof text - used, "%s%lld", i ? " " : "",
                     (long long)v->value);
    }
    return text;
}

/* What a job with these fields, after these lines, says of the hosts. */
static const char *judge(struct world *w, int kind, const char *before,
                         const char *fields)
{
    char text[4096];
    Perigee__Judgement j = PERIGEE__JUDGEMENT__INIT;
    snprintf(text, sizeof text,
             "%s\nreturn { Job { cluster = 'c', role = 'r', environment = "
             "'test',\n task = SimpleTask('a', 'b'),\n%s } }",
             before, fields);
    struct buf bundle = make_bundle(text);
    j.kind = (Perigee__Judgement__Kind)kind;
    j.has_ordinal = true;
    j.ordinal = 1;
    ask(w, buf_bytes(&bundle), &j);
    buf_release(&bundle);
    return told(w);
}

static const char *place(struct world *w, const char *before,
                         const char *fields)
{
    return judge(w, PERIGEE__JUDGEMENT__KIND__PLACE, before, fields);
}

static const char *rank(struct world *w, const char *fields)
{
    return judge(w, PERIGEE__JUDGEMENT__KIND__RANK, "", fields);
}

/* What the function says to an event: deliveries as text, or its failure. */
static const char *notify(struct world *w, const char *function)
{
    static char text[2048];
    char fields[2048];
    Perigee__Judgement j = PERIGEE__JUDGEMENT__INIT;
    Perigee__NotifyEvent event = PERIGEE__NOTIFY_EVENT__INIT;
    snprintf(fields, sizeof fields,
             "return { Job { cluster = 'c', role = 'r', environment = 'test', "
             "task = SimpleTask('a', 'b'), notify = Notify { on = 'failed',\n"
             "script = %s } } }",
             function);
    struct buf bundle = make_bundle(fields);
    event.has_what = true;
    event.what = PERIGEE__NOTIFY_EVENT__WHAT__FAILED;
    event.job = (char *)"c/r/test/a";
    event.text = (char *)"it \"failed\"\n";
    j.kind = PERIGEE__JUDGEMENT__KIND__NOTIFY;
    j.has_ordinal = true;
    j.ordinal = 1;
    j.event = &event;
    ask(w, buf_bytes(&bundle), &j);
    buf_release(&bundle);
    if (w->verdicts->n_verdicts > 0)
        return told(w);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < w->verdicts->n_deliveries; i++) {
        const Perigee__Delivery *d = w->verdicts->deliveries[i];
        used += (size_t)snprintf(
            text + used, sizeof text - used, "%s|%s|%s|%.*s;",
            d->url != NULL ? d->url : d->email,
            d->subject != NULL ? d->subject : "",
            d->n_headers > 0 ? d->headers[0] : "", (int)d->body.len,
            d->body.data != NULL ? (const char *)d->body.data : "");
    }
    return text;
}

/* --- tests --- */

static void test_a_script_says_requests_and_mails(void **state)
{
    assert_string_equal(
        notify(*state,
               "function(e) return { { url = 'http://x/' .. e.what, text = "
               "e.text, headers = { ['X-Job'] = e.job } }, { email = 'a@b', "
               "subject = 'oh', body = e.message and 'x' or 'no message' } } "
               "end"),
        "http://x/failed||X-Job: c/r/test/a|{\"text\":\"it "
        "\\\"failed\\\"\\n\"};a@b|oh||no message;");
    assert_string_equal(notify(*state, "function(e) return {} end"), "");
}

static void test_a_script_that_says_nonsense_is_told(void **state)
{
    static const struct {
        const char *body, *why;
    } cases[] = {
        {"return 1", "script returned a number: want a list of requests and "
                     "mails"},
        {"", "script returned nil: want a list of requests and mails"},
        {"return { url = 'http://x/' }",
         "script returned a table with names: want a list"},
        {"return { 1 }", "item 1: want a table with url or email"},
        {"return { { url = 'http://x/', email = 'a@b' } }",
         "item 1: want one of url and email"},
        {"return { { url = 'file:///etc/passwd' } }",
         "item 1: 'url': want http:// or https://"},
        {"return { { url = 'http://x/\\nX: y' } }",
         "item 1: 'url': want a text of one line"},
        {"return { { email = 'a@b', subject = 'a\\r\\nBcc: c@d' } }",
         "item 1: 'subject': want a text of one line"},
        {"return { { url = 'http://x/', headers = { A = 'b\\nC: d' } } }",
         "item 1: 'headers': want names and texts of one line"},
        {"return { { url = 'http://x/', boyd = '' } }",
         "item 1: unknown field 'boyd': want url, type, headers, text, body, "
         "email, subject"},
        {"return { { email = 'a@b', body = ('x'):rep(70000) } }",
         "item 1: 'body': want a text of at most 64 KiB"},
        {"local l = {} for i = 1, 17 do l[i] = { url = 'http://x' } end "
         "return l",
         "script returned 17 requests and mails: want at most 16"},
        {"return { { url = 'http://x', text = e.txet } }",
         "f.lua:2: the event has no 'txet', did you mean 'text'?"},
    };
    char function[400];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(function, sizeof function, "function(e) %s end",
                 cases[i].body);
        assert_string_equal(notify(*state, function), cases[i].why);
    }
    assert_non_null(strstr(notify(*state, "function(e) while true do end end"),
                           "(passing)"));
}

static void test_place_sees_attributes(void **state)
{
    assert_string_equal(
        place(*state, "local racks = { r0 = true, r2 = true }",
              "place = function(h) return racks[h.attributes.rack] == true "
              "end"),
        "1 0 1");
}

static void test_all_fields_of_a_host_are_there(void **state)
{
    assert_string_equal(
        place(*state, "",
              "place = function(h) local r = h.resources\n"
              "return r.cpu == 4.5 and r.ram == 8*GB and r.disk == 0 and\n"
              " r.gpu == 0 and r.ports == 0 and h.hostname == h.id and\n"
              " h.zone == 'z' and h.region == '' and h.role == '' and\n"
              " #h.attributes.disk == 2 and h.attributes.disk[2] == 'hdd'\n"
              " and h.attributes.none == nil end"),
        "1 1 1");
}

static void test_rank_is_an_integer(void **state)
{
    assert_string_equal(
        rank(*state, "rank = function(h) return tonumber(h.hostname:sub(2)) * "
                     "2.0 - 3 end"),
        "-3 -1 1");
}

static void test_a_wrong_result_is_a_failure(void **state)
{
    assert_string_equal(
        rank(*state, "rank = function(h) if h.id == 'h1' then return 1.5 end "
                     "return h.id end"),
        "rank returned a string: want an integer rank returned a number: want "
        "an integer rank returned a string: want an integer");
}

static void test_place_wants_a_boolean(void **state)
{
    assert_string_equal(
        place(*state, "",
              "place = function(h) return h.hostname == 'h0' or "
              "nil end"),
        "1 place returned nil: want true or false place returned nil: want "
        "true or false");
}

static void test_an_error_has_its_line(void **state)
{
    assert_string_equal(
        place(*state, "",
              "place = function(h)\n"
              " if h.id == 'h1' then return h.attributes.x.y end\n"
              " return h.hostnam == 1 end"),
        "f.lua:6: the host has no 'hostnam', did you mean 'hostname'? "
        "f.lua:5: attempt to index a nil value (field 'x') "
        "f.lua:6: the host has no 'hostnam', did you mean 'hostname'?");
}

static void test_a_host_cannot_be_changed(void **state)
{
    assert_string_equal(
        place(*state, "",
              "place = function(h)\n"
              " if h.id == 'h0' then h.id = 'x' end\n"
              " if h.id == 'h1' then h.attributes.a = 'x' end\n"
              " h.resources.cpu = 1 end"),
        "f.lua:5: the host cannot be changed f.lua:6: a map cannot be changed "
        "f.lua:7: host.resources cannot be changed");
}

static void test_no_call_sees_what_another_one_wrote(void **state)
{
    assert_string_equal(
        judge(*state, PERIGEE__JUDGEMENT__KIND__RANK,
              "local n, t = 0, { inner = { 0 }, list = { 1, 2 } }\n"
              "counter = 0\n"
              "local function more() n = n + 1; counter = counter + 1 end\n",
              "rank = function(h) more()\n"
              " t.inner[1] = t.inner[1] + 1; t.list = nil; t[h.id] = 1\n"
              " local keys = 0 for _ in pairs(t) do keys = keys + 1 end\n"
              " return n * 1000 + counter * 100 + t.inner[1] * 10 + keys end"),
        "1112 1112 1112");
}

static void test_an_iterator_starts_again_for_each_call(void **state)
{
    assert_string_equal(judge(*state, PERIGEE__JUDGEMENT__KIND__RANK,
                              "local step, s = pairs({ 5, 6, 7 })",
                              "rank = function() local k = step(s)\n"
                              " return k end"),
                        "1 1 1");
}

static void test_a_loop_ends_and_the_others_are_judged(void **state)
{
    assert_string_equal(
        place(*state, "",
              "place = function(h)\n"
              " if h.id == 'h1' then\n"
              "  while true do pcall(function() while true do end end) end\n"
              " end return true end"),
        "1 f.lua:6: runs longer than 1 ms of CPU time (passing) 1");
}

static void test_a_pattern_that_backtracks_ends(void **state)
{
    assert_string_equal(
        place(*state, "",
              "place = function(h)\n"
              " if h.id == 'h0' then return true end\n"
              " return (('a'):rep(40)):find(('a*'):rep(20) .. 'b') ~= nil "
              "end"),
        "1 f.lua:6: runs longer than 1 ms of CPU time (passing) "
        "f.lua:6: runs longer than 1 ms of CPU time (passing)");
}

static void test_memory_is_bounded(void **state)
{
    assert_string_equal(place(*state, "",
                              "place = function(h)\n"
                              " return #('x'):rep(1 << 30) == h end"),
                        "f.lua:5: uses more than 512 MiB of memory (passing) "
                        "f.lua:5: uses more than 512 MiB of memory (passing) "
                        "f.lua:5: uses more than 512 MiB of memory (passing)");
}

static void test_files_and_parameters_are_out_of_reach(void **state)
{
    assert_string_equal(
        place(*state, "",
              "place = function(h)\n"
              " if h.id == 'h0' then return param('x', { default = 'a' }) end\n"
              " if h.id == 'h1' then return import('f.lua') end\n"
              " return require 'units' end"),
        "f.lua:5: param works while the file runs, not in its functions "
        "f.lua:6: import works while the file runs, not in its functions "
        "f.lua:7: require works while the file runs, not in its functions");
}

static void test_an_error_that_is_no_text(void **state)
{
    assert_string_equal(place(*state, "", "place = function(h) error({}) end"),
                        "f.lua:4: error with a table instead of a text "
                        "f.lua:4: error with a table instead of a text "
                        "f.lua:4: error with a table instead of a text");
}

/* Bytecode of a text. */
static int add_code(lua_State *L, const void *data, size_t size, void *out)
{
    (void)L;
    buf_add(out, data, size);
    return 0;
}

static void test_a_function_keeps_its_release(void **state)
{
    struct world *w = *state;
    static const char text[] =
        "return { KB = 1, MB = 77, GB = 3, TB = 4, secs = 1, mins = 2, hours "
        "= 3, days = 4 }";
    Perigee__Release release = PERIGEE__RELEASE__INIT;
    Perigee__ReleaseModule units = PERIGEE__RELEASE_MODULE__INIT;
    Perigee__ReleaseModule *modules[] = {&units};
    struct buf code = {0};
    lua_State *L = luaL_newstate();
    assert_int_equal(luaL_loadstring(L, text), LUA_OK);
    assert_int_equal(lua_dump(L, add_code, &code, 0), 0);
    lua_close(L);
    units.name = (char *)"units";
    units.has_code = true;
    units.code = (ProtobufCBinaryData){code.size, code.data};
    release.n_modules = 1;
    release.modules = modules;
    buf_reserve(&w->stdlib, perigee__release__get_packed_size(&release));
    w->stdlib.size = perigee__release__pack(&release, w->stdlib.data);
    assert_string_equal(judge(w, PERIGEE__JUDGEMENT__KIND__RANK, "",
                              "rank = function(h) return MB end"),
                        "77 77 77");
    buf_release(&code);
}

static void test_the_built_in_release_is_whole(void **state)
{
    struct world *w = *state;
    script_stdlib_release(&w->stdlib);
    assert_string_equal(judge(w, PERIGEE__JUDGEMENT__KIND__RANK,
                              "local units = require 'units'",
                              "rank = function(h) return units.KB end"),
                        "1024 1024 1024");
}

static void test_an_expression_needs_no_bundle(void **state)
{
    struct world *w = *state;
    Perigee__Judgement j = PERIGEE__JUDGEMENT__INIT;
    j.kind = PERIGEE__JUDGEMENT__KIND__LIKE;
    j.attribute = (char *)"rack";
    j.expression = (char *)"r[02]";
    ask(w, bytes_of("", 0), &j);
    assert_string_equal(told(w), "1 0 1");
}

static void test_any_value_may_be_like_it(void **state)
{
    struct world *w = *state;
    Perigee__Judgement j = PERIGEE__JUDGEMENT__INIT;
    j.kind = PERIGEE__JUDGEMENT__KIND__LIKE;
    j.attribute = (char *)"disk";
    j.expression = (char *)"h.*";
    ask(w, bytes_of("", 0), &j);
    assert_string_equal(told(w), "1 1 1");
}

static void test_the_host_name_is_an_attribute(void **state)
{
    struct world *w = *state;
    Perigee__Judgement j = PERIGEE__JUDGEMENT__INIT;
    j.kind = PERIGEE__JUDGEMENT__KIND__LIKE;
    j.attribute = (char *)"host";
    j.expression = (char *)"h[12]";
    ask(w, bytes_of("", 0), &j);
    assert_string_equal(told(w), "0 1 1");
}

static void test_an_expression_that_backtracks_ends(void **state)
{
    struct world *w = *state;
    Perigee__Judgement j = PERIGEE__JUDGEMENT__INIT;
    j.kind = PERIGEE__JUDGEMENT__KIND__LIKE;
    j.attribute = (char *)"rack";
    j.expression = (char *)"((((((((((((((((((((((((((((.*)*)*)*)*)*)*)*)*)*)*"
                           ")*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*)*[xy]";
    ask(w, bytes_of("", 0), &j);
    assert_non_null(w->verdicts->verdicts[0]->failure);
}

static void test_a_function_that_is_not_there(void **state)
{
    struct world *w = *state;
    Perigee__Judgement j = PERIGEE__JUDGEMENT__INIT;
    struct buf bundle = make_bundle("return {}");
    j.kind = PERIGEE__JUDGEMENT__KIND__PLACE;
    j.has_ordinal = true;
    j.ordinal = 3;
    ask(w, buf_bytes(&bundle), &j);
    assert_string_equal(w->verdicts->verdicts[2]->failure,
                        "the bundle has no function of that number");
    buf_release(&bundle);
}

static void test_nonsense_is_a_failure(void **state)
{
    struct world *w = *state;
    struct timeval end = {20, 0};
    assert_int_equal(worker_pool_judge(w->pool, 7, bytes_of_text("nonsense"),
                                       bytes_of_text("more"), bytes_of("", 0),
                                       NULL),
                     0);
    event_base_loopexit(w->base, &end);
    event_base_dispatch(w->base);
    assert_non_null(w->verdicts);
    assert_int_equal(w->verdicts->n_verdicts, 1);
    assert_true(w->verdicts->verdicts[0]->passing);
}

static void test_questions_leave_a_worker_to_evaluations(void **state)
{
    struct world *w = *state;
    struct err err = {0};
    struct buf bundle = make_bundle("return {}");
    uint32_t taken = 0;
    while (worker_pool_judge(w->pool, 7, buf_bytes(&bundle), bytes_of_text("x"),
                             bytes_of("", 0), &err) == 0)
        taken++;
    assert_int_equal(taken, 1 + QUESTIONS_MAX);
    assert_int_equal(err.code, ERR_BUSY);
    assert_int_equal(
        worker_pool_evaluate(w->pool, 1, buf_bytes(&bundle), NULL, NULL), 0);
    while (w->evaluated == 0)
        event_base_loop(w->base, EVLOOP_ONCE);
    buf_release(&bundle);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_script_says_requests_and_mails),
        TEST(test_a_script_that_says_nonsense_is_told),
        TEST(test_place_sees_attributes),
        TEST(test_all_fields_of_a_host_are_there),
        TEST(test_rank_is_an_integer),
        TEST(test_a_wrong_result_is_a_failure),
        TEST(test_place_wants_a_boolean),
        TEST(test_an_error_has_its_line),
        TEST(test_a_host_cannot_be_changed),
        TEST(test_no_call_sees_what_another_one_wrote),
        TEST(test_an_iterator_starts_again_for_each_call),
        TEST(test_a_loop_ends_and_the_others_are_judged),
        TEST(test_a_pattern_that_backtracks_ends),
        TEST(test_memory_is_bounded),
        TEST(test_files_and_parameters_are_out_of_reach),
        TEST(test_an_error_that_is_no_text),
        TEST(test_a_function_keeps_its_release),
        TEST(test_the_built_in_release_is_whole),
        TEST(test_an_expression_needs_no_bundle),
        TEST(test_any_value_may_be_like_it),
        TEST(test_the_host_name_is_an_attribute),
        TEST(test_an_expression_that_backtracks_ends),
        TEST(test_a_function_that_is_not_there),
        TEST(test_nonsense_is_a_failure),
        TEST(test_questions_leave_a_worker_to_evaluations),
    };
    return SCRIPT_TESTS(folder, tests, argc, argv);
}
