#include "script/health_call.h"
#include "base/text.h"
#include "script/cpu_budget.h"
#include "script/evaluation.h"
#include "script/function.h"
#include "script/library.h"
#include "script/worker_process.h"
#include "sys/process.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* One call, which is all that this process does. */
struct health_call {
    struct evaluation evaluation;
    const struct health_context *context; /* borrowed */
    const struct health_tools *tools;     /* borrowed */
    uint32_t ordinal;
    int fd;
};

/* --- the answer: 'H', or 'U' and the reason --- */

static void write_answer(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, text, size);
        if (done < 0 && errno != EINTR)
            break; /* the parent has gone */
        text += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
}

static _Noreturn void answer(const struct health_call *call, bool is_healthy,
                             const char *file, int line, const char *reason)
{
    char text[HEALTH_REASON_MAX];
    int size;
    if (*file != '\0')
        size = snprintf(text, sizeof text, "%c%s:%d: %s",
                        is_healthy ? 'H' : 'U', file, line, reason);
    else
        size =
            snprintf(text, sizeof text, "%c%s", is_healthy ? 'H' : 'U', reason);
    if (size >= (int)sizeof text)
        size = (int)sizeof text - 1;
    write_answer(call->fd, text, (size_t)size);
    _exit(0);
}

bool script_health_answer(struct bytes text, int wait_status,
                          char reason[HEALTH_REASON_MAX])
{
    char status[128];
    bool has_answer = wait_status == 0 && text.size > 0 &&
                      text.size < HEALTH_REASON_MAX &&
                      (text.data[0] == 'H' || text.data[0] == 'U');
    reason[0] = '\0';
    if (!has_answer) {
        process_status_text(wait_status, status, sizeof status);
        snprintf(reason, HEALTH_REASON_MAX, "the health function's process: %s",
                 status);
        return false;
    }
    if (text.data[0] == 'H')
        return true;
    /* A cut may have split a character. */
    size_t size = text.size - 1;
    while (size > 0 && !text_is_utf8(text.data + 1, size))
        size--;
    snprintf(reason, HEALTH_REASON_MAX, "%.*s", (int)size,
             (const char *)text.data + 1);
    return false;
}

/* --- the clock --- */

static void on_time_in_lua(lua_State *L, void *context)
{
    (void)context;
    char text[128];
    sandbox_of(L)->is_spent = true;
    worker_time_text(HEALTH_CALL_MS, text, sizeof text);
    luaL_error(L, "%s", text);
}

static void on_time_in_c(void *context)
{
    struct health_call *call = context;
    char file[SANDBOX_FILE_MAX] = "", text[128];
    int line = 0;
    worker_time_text(HEALTH_CALL_MS, text, sizeof text);
    if (call->evaluation.sandbox.L != NULL)
        sandbox_where(call->evaluation.sandbox.L, file, &line);
    answer(call, false, file, line, text);
}

/* The file itself was checked to be quick: this is for a machine in trouble. */
static void on_evaluation_in_lua(lua_State *L, void *context)
{
    (void)L;
    answer(context, false, "", 0, "evaluating the job file takes too long");
}

static void on_evaluation_in_c(void *context)
{
    answer(context, false, "", 0, "evaluating the job file takes too long");
}

/* --- tools --- */

static const struct health_tools *tools_of(lua_State *L)
{
    return ((struct health_call *)lua_touserdata(L, lua_upvalueindex(1)))
        ->tools;
}

static int push_failure(lua_State *L, const char *name, int rc,
                        const struct err *err)
{
    luaL_pushfail(L);
    if (rc == -ERR_UNSUPPORTED)
        lua_pushfstring(L, "%s is not available here", name);
    else
        lua_pushstring(L, err->text);
    return 2;
}

/* Push the buffer's text and give its memory back. A push may raise, and then
 * the process is about to end anyway. */
static void push_buf(lua_State *L, struct buf *buf)
{
    size_t size = buf->size < HEALTH_BODY_MAX ? buf->size : HEALTH_BODY_MAX;
    lua_pushlstring(L, buf_text(buf), size);
    buf_release(buf);
}

static int l_http_get(lua_State *L)
{
    const struct health_tools *tools = tools_of(L);
    const char *url = luaL_checkstring(L, 1);
    struct buf body = {0};
    struct err err = {0};
    int status = 0;
    int rc = tools->http_get != NULL
                 ? tools->http_get(tools->context, url, &status, &body, &err)
                 : -ERR_UNSUPPORTED;
    if (rc < 0) {
        buf_release(&body);
        return push_failure(L, "http.get", rc, &err);
    }
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, status);
    lua_setfield(L, -2, "status");
    push_buf(L, &body);
    lua_setfield(L, -2, "body");
    return 1;
}

static int l_tcp_connect(lua_State *L)
{
    const struct health_tools *tools = tools_of(L);
    const char *host = luaL_checkstring(L, 1);
    lua_Integer port = luaL_checkinteger(L, 2);
    struct err err = {0};
    luaL_argcheck(L, port > 0 && port <= UINT16_MAX, 2,
                  "want a port from 1 to 65535");
    int rc =
        tools->tcp_connect != NULL
            ? tools->tcp_connect(tools->context, host, (uint16_t)port, &err)
            : -ERR_UNSUPPORTED;
    if (rc < 0)
        return push_failure(L, "tcp.connect", rc, &err);
    lua_pushboolean(L, true);
    return 1;
}

static int l_sh(lua_State *L)
{
    const struct health_tools *tools = tools_of(L);
    const char *command = luaL_checkstring(L, 1);
    struct buf output = {0};
    struct err err = {0};
    int status = 0;
    int rc = tools->sh != NULL
                 ? tools->sh(tools->context, command, &status, &output, &err)
                 : -ERR_UNSUPPORTED;
    if (rc < 0) {
        buf_release(&output);
        return push_failure(L, "sh", rc, &err);
    }
    lua_pushinteger(L, status);
    push_buf(L, &output);
    return 2;
}

/* { name = function } into the language. */
static void add_tool(lua_State *L, struct health_call *call, const char *table,
                     const char *name, lua_CFunction function)
{
    if (table != NULL)
        lua_newtable(L);
    lua_pushlightuserdata(L, call);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
    if (table != NULL)
        lua_setfield(L, -2, table);
}

/* --- the call --- */

static void push_context(lua_State *L, const struct health_context *context)
{
    lua_createtable(L, 0, 5);
    lua_createtable(L, 0, (int)context->port_count);
    for (size_t i = 0; i < context->port_count; i++) {
        lua_pushinteger(L, context->port[i].port);
        lua_setfield(L, -2, context->port[i].name);
    }
    library_freeze_record(L, "ctx.ports");
    lua_setfield(L, -2, "ports");
    lua_pushinteger(L, context->instance);
    lua_setfield(L, -2, "instance");
    lua_pushinteger(L, context->attempt);
    lua_setfield(L, -2, "attempt");
    lua_pushstring(L, context->hostname);
    lua_setfield(L, -2, "hostname");
    lua_pushstring(L, context->sandbox);
    lua_setfield(L, -2, "sandbox");
    library_freeze_record(L, "ctx");
}

/* lightuserdata struct health_call -> what the function returns, two values */
static int run_call(lua_State *L)
{
    struct health_call *call = lua_touserdata(L, 1);
    sandbox_push_language(L);
    add_tool(L, call, "http", "get", l_http_get);
    add_tool(L, call, "tcp", "connect", l_tcp_connect);
    add_tool(L, call, NULL, "sh", l_sh);
    (void)function_push(L, call->ordinal);
    push_context(L, call->context);
    lua_call(L, 1, 2);
    return 2;
}

static _Noreturn void judge(struct health_call *call)
{
    lua_State *L = call->evaluation.sandbox.L;
    char text[128];
    if (lua_isboolean(L, -2) && lua_toboolean(L, -2))
        answer(call, true, "", 0, "");
    if (lua_toboolean(L, -2)) {
        snprintf(text, sizeof text,
                 "the health function returned a %s: want true or false",
                 luaL_typename(L, -2));
        answer(call, false, "", 0, text);
    }
    if (lua_type(L, -1) == LUA_TSTRING)
        answer(call, false, "", 0, lua_tostring(L, -1));
    answer(call, false, "", 0, "the health function returned false");
}

static void evaluate(struct health_call *call, struct bytes bytes)
{
    struct evaluation *e = &call->evaluation;
    const struct cpu_budget budget = {.sandbox = &e->sandbox,
                                      .cpu_ms = HEALTH_EVALUATION_MS,
                                      .in_lua = on_evaluation_in_lua,
                                      .in_c = on_evaluation_in_c,
                                      .context = call};
    struct err err = {0};
    cpu_budget_start(&budget);
    if (evaluation_open_bundle(e, bytes, &err) < 0)
        answer(call, false, "", 0, err.text);
    Perigee__Evaluation *out = evaluation_run(e);
    cpu_budget_stop();
    /* What another release of the language finds wrong does not matter, as long
     * as the function is there. */
    if (e->sandbox.L != NULL && function_push(e->sandbox.L, call->ordinal)) {
        lua_pop(e->sandbox.L, 1);
        return;
    }
    if (out->n_problems == 0)
        answer(call, false, "", 0, "the job file has no such function");
    const Perigee__Problem *first = out->problems[0];
    answer(call, false, first->file != NULL ? first->file : "",
           (int)first->line, first->message);
}

static void take_stdlib(struct health_call *call, struct bytes stdlib)
{
    if (stdlib.size == 0)
        return;
    call->evaluation.stdlib =
        perigee__release__unpack(NULL, stdlib.size, stdlib.data);
    if (call->evaluation.stdlib == NULL)
        answer(call, false, "", 0,
               "the task's job library cannot be read: send the job anew");
}

_Noreturn void script_health_run(struct bytes bundle, struct bytes stdlib,
                                 uint32_t ordinal,
                                 const struct health_context *context,
                                 const struct health_tools *tools, int fd)
{
    static struct health_call call;
    const struct rlimit no_core = {0, 0};
    struct sandbox_failure failure;
    call.context = context;
    call.tools = tools;
    call.ordinal = ordinal;
    call.fd = fd;
    (void)setrlimit(RLIMIT_CORE, &no_core);
    evaluation_init(&call.evaluation);
    call.evaluation.limits = SCRIPT_LIMITS;
    call.evaluation.limits.memory_bytes = HEALTH_MEMORY_MAX;
    if (!cpu_budget_open())
        answer(&call, false, "", 0, "no timer for the health function");
    take_stdlib(&call, stdlib);
    evaluate(&call, bundle);
    struct sandbox *sandbox = &call.evaluation.sandbox;
    const struct cpu_budget budget = {.sandbox = sandbox,
                                      .cpu_ms = HEALTH_CALL_MS,
                                      .in_lua = on_time_in_lua,
                                      .in_c = on_time_in_c,
                                      .context = &call};
    lua_pushcfunction(sandbox->L, run_call);
    lua_pushlightuserdata(sandbox->L, &call);
    call.evaluation.is_over = true;
    cpu_budget_start(&budget);
    int rc = sandbox_call(sandbox, 1, 2, &failure);
    cpu_budget_stop();
    if (rc < 0)
        answer(&call, false, failure.file, failure.line, failure.text);
    judge(&call);
}
