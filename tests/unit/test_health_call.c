/* Health functions: a child calls one, the parent judges its answer. */
#include "script_kit.h"

#include "script/health_call.h"
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static char folder[] = "/tmp/perigee-health-XXXXXX";

static int on_get(void *context, const char *url, int *status, struct buf *body,
                  struct err *err)
{
    (void)context;
    if (strstr(url, "down") != NULL)
        return err_set(err, ERR_IO, "connection refused");
    *status = strstr(url, "sick") != NULL ? 500 : 200;
    buf_add_text(body, url);
    return 0;
}

static int on_connect(void *context, const char *host, uint16_t port,
                      struct err *err)
{
    (void)context;
    if (port == 1)
        return err_set(err, ERR_IO, "no connection to %s", host);
    return 0;
}

static int on_sh(void *context, const char *command, int *exit_status,
                 struct buf *output, struct err *err)
{
    (void)context;
    (void)err;
    *exit_status = strcmp(command, "false") == 0;
    buf_add_text(output, "said");
    return 0;
}

static int on_code(lua_State *L, const void *code, size_t size, void *out)
{
    (void)L;
    buf_add(out, code, size);
    return 0;
}

static struct buf make_bundle(const char *function)
{
    char path[64], text[2048];
    struct err err = {0};
    struct buf bytes = {0};
    Perigee__Evaluation *out = NULL;
    snprintf(text, sizeof text,
             "return { Job { cluster = 'c', role = 'r', environment = 'test',\n"
             " task = SimpleTask('a', 'b'), health =\n%s } }",
             function);
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

static _Noreturn void run_child(struct bytes bundle, struct bytes stdlib,
                                const struct health_tools *tools, int fd)
{
    const struct health_port port[] = {{"http", 31000}, {"admin", 1}};
    const struct health_context context = {.port = port,
                                           .port_count = 2,
                                           .hostname = "h1",
                                           .sandbox = "/s",
                                           .instance = 3,
                                           .attempt = 4};
    script_health_run(bundle, stdlib, 1, &context, tools, fd);
}

/* "healthy", or the reason. */
static const char *call_from(const char *function, struct bytes stdlib,
                             const struct health_tools *tools)
{
    static char reason[HEALTH_REASON_MAX];
    struct buf bundle = make_bundle(function);
    char answer[1024];
    size_t size = 0;
    ssize_t more;
    int fd[2], status;
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        run_child(buf_bytes(&bundle), stdlib, tools, fd[1]);
    }
    close(fd[1]);
    while ((more = read(fd[0], answer + size, sizeof answer - size)) > 0)
        size += (size_t)more;
    close(fd[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    buf_release(&bundle);
    if (script_health_answer(bytes_of(answer, size), status, reason))
        return "healthy";
    return reason;
}

static const char *call_with(const char *function,
                             const struct health_tools *tools)
{
    return call_from(function, bytes_of("", 0), tools);
}

static const char *call(const char *function)
{
    const struct health_tools tools = {
        .http_get = on_get, .tcp_connect = on_connect, .sh = on_sh};
    return call_with(function, &tools);
}

static void test_true_is_healthy(void **unused)
{
    (void)unused;
    assert_string_equal(call("function() return true end"), "healthy");
}

static void test_all_else_is_not(void **unused)
{
    (void)unused;
    assert_string_equal(call("function() return false end"),
                        "the health function returned false");
    assert_string_equal(call("function() end"),
                        "the health function returned false");
    assert_string_equal(call("function() return nil, 'queue is full' end"),
                        "queue is full");
    assert_string_equal(
        call("function() return 1 end"),
        "the health function returned a number: want true or false");
}

static void test_the_context_is_there(void **unused)
{
    (void)unused;
    assert_string_equal(
        call("function(ctx) return ctx.ports.http == 31000 and\n"
             " ctx.hostname == 'h1' and ctx.sandbox == '/s' and\n"
             " ctx.instance == 3 and ctx.attempt == 4 end"),
        "healthy");
    assert_string_equal(
        call("function(ctx) return ctx.ports.htp end"),
        "f.lua:3: ctx.ports has no 'htp', did you mean 'http'?");
}

static void test_tools_reach_out(void **unused)
{
    (void)unused;
    assert_string_equal(
        call("function() local r = http.get('x')\n"
             " local status, said = sh('true')\n"
             " return r.status == 200 and r.body == 'x' and status == 0\n"
             " and said == 'said' and tcp.connect('h', 2) and\n"
             " sh('false') == 1 end"),
        "healthy");
    assert_string_equal(call("function() return http.get('down') end"),
                        "connection refused");
    assert_string_equal(
        call("function(ctx) return tcp.connect('h', ctx.ports.admin) end"),
        "no connection to h");
}

static void test_missing_tools_are_told(void **unused)
{
    (void)unused;
    const struct health_tools none = {0};
    assert_string_equal(call_with("function() return sh('x') end", &none),
                        "sh is not available here");
}

static void test_an_error_has_its_line(void **unused)
{
    (void)unused;
    assert_string_equal(call("function()\n error('no way') end"),
                        "f.lua:4: no way");
}

static void test_time_is_bounded(void **unused)
{
    (void)unused;
    assert_string_equal(call("function()\n while true do pcall(error) end end"),
                        "f.lua:4: runs longer than 100 ms of CPU time");
    assert_string_equal(
        call("function() return\n"
             "(('a'):rep(40)):find(('a*'):rep(20) .. 'b') ~= nil end"),
        "f.lua:4: runs longer than 100 ms of CPU time");
}

static void test_memory_is_bounded(void **unused)
{
    (void)unused;
    assert_string_equal(call("function() return #('x'):rep(1 << 28) end"),
                        "f.lua:3: uses more than 64 MiB of memory");
}

static void test_a_child_that_died_is_explained(void **unused)
{
    (void)unused;
    char reason[HEALTH_REASON_MAX];
    assert_false(script_health_answer(bytes_of("", 0), SIGKILL, reason));
    assert_string_equal(reason, "the health function's process: terminated by "
                                "signal 9 (Killed)");
    assert_false(script_health_answer(bytes_of_text("H"), 256, reason));
    /* a cut character goes */
    assert_false(script_health_answer(bytes_of_text("Ua\xc3"), 0, reason));
    assert_string_equal(reason, "a");
}

/* Our release, where a gibibyte is something else. */
static struct buf other_release(void)
{
    struct buf own = {0}, out = {0};
    script_stdlib_release(&own);
    Perigee__Release *release =
        perigee__release__unpack(NULL, own.size, own.data);
    assert_non_null(release);
    static const char code[] =
        "return { KB = 1, MB = 2, GB = 3, TB = 4, secs = 1, mins = 1, "
        "hours = 1, days = 1 }";
    for (size_t i = 0; i < release->n_modules; i++) {
        Perigee__ReleaseModule *module = release->modules[i];
        if (strcmp(module->name, "units") != 0)
            continue;
        lua_State *L = luaL_newstate();
        assert_int_equal(luaL_loadstring(L, code), LUA_OK);
        buf_clear(&out);
        assert_int_equal(lua_dump(L, on_code, &out, 1), 0);
        lua_close(L);
        free(module->code.data);
        module->code.len = out.size;
        module->code.data = malloc(out.size);
        memcpy(module->code.data, out.data, out.size);
    }
    assert_true(out.size > 0); /* it was there */
    buf_clear(&own);
    buf_reserve(&own, perigee__release__get_packed_size(release));
    own.size = perigee__release__pack(release, own.data);
    perigee__release__free_unpacked(release, NULL);
    buf_release(&out);
    return own;
}

static void test_it_has_the_library_that_it_came_with(void **unused)
{
    (void)unused;
    const struct health_tools tools = {0};
    struct buf other = other_release();
    assert_string_equal(call("function() return false, tostring(GB) end"),
                        "1073741824");
    assert_string_equal(call_from("function() return false, tostring(GB) end",
                                  buf_bytes(&other), &tools),
                        "3");
    assert_non_null(strstr(call_from("function() return true end",
                                     bytes_of_text("nonsense"), &tools),
                           "job library cannot be read"));
    buf_release(&other);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_true_is_healthy),
        cmocka_unit_test(test_it_has_the_library_that_it_came_with),
        cmocka_unit_test(test_all_else_is_not),
        cmocka_unit_test(test_the_context_is_there),
        cmocka_unit_test(test_tools_reach_out),
        cmocka_unit_test(test_missing_tools_are_told),
        cmocka_unit_test(test_an_error_has_its_line),
        cmocka_unit_test(test_time_is_bounded),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_a_child_that_died_is_explained),
    };
    return SCRIPT_TESTS(folder, tests, argc, argv);
}
