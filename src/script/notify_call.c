#include "script/notify_call.h"
#include "base/arena.h"
#include "script/convert.h"
#include "script/library.h"
#include "script/value.h"
#include "wire/json.h"
#include <string.h>

/* --- the event --- */

static void set_text(lua_State *L, const char *name, const char *text)
{
    if (text != NULL)
        lua_pushstring(L, text);
    else
        lua_pushboolean(L, false);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, bool has, int64_t number)
{
    if (has)
        lua_pushinteger(L, number);
    else
        lua_pushboolean(L, false);
    lua_setfield(L, -2, name);
}

static const char *what_of(const Perigee__NotifyEvent *e)
{
    static const char *const name[] = {"",     "started", "finished", "failed",
                                       "lost", "killed",  "updated",  "sla"};
    bool is_known = e->what > 0 && (size_t)e->what < sizeof name / sizeof *name;
    return is_known ? name[e->what] : "";
}

int notify_push_event(lua_State *L)
{
    const Perigee__NotifyEvent *e = lua_touserdata(L, 1);
    lua_createtable(L, 0, 20);
    set_text(L, "what", what_of(e));
    set_text(L, "id", e->id);
    set_text(L, "job", e->job);
    set_number(L, "at_ms", e->has_at_ms, e->at_ms);
    set_text(L, "text", e->text);
    set_text(L, "message", e->message);
    set_number(L, "retries", true, e->retries);
    set_text(L, "task_id", e->task_id);
    set_number(L, "instance", e->has_instance, e->instance);
    set_text(L, "state", e->state);
    set_text(L, "old_state", e->old_state);
    set_number(L, "scheduled_secs", e->has_scheduled_secs, e->scheduled_secs);
    set_text(L, "run_state", e->run_state);
    set_number(L, "late_ms", e->has_late_ms, e->late_ms);
    set_text(L, "update_id", e->update_id);
    set_text(L, "update_state", e->update_state);
    set_number(L, "more", true, e->more);
    library_freeze_record(L, "the event");
    return 1;
}

/* --- the result --- */

struct reader {
    lua_State *L;
    struct arena *arena;
    int item;  /* its place on the stack */
    int place; /* in the result, from 1 */
};

static bool has_controls(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 127)
            return true;
    return false;
}

/* A text of one line, NULL when it is not there. */
static char *read_line(const struct reader *r, const char *name)
{
    lua_State *L = r->L;
    size_t size = 0;
    char *copy = NULL;
    lua_pushstring(L, name);
    if (lua_rawget(L, r->item) != LUA_TNIL) {
        const char *text =
            lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
        if (text == NULL || size == 0 || size > NOTIFY_TEXT_MAX ||
            has_controls(text, size))
            luaL_error(L, "item %d: '%s': want a text of one line", r->place,
                       name);
        copy = arena_strndup(r->arena, text, size);
    }
    lua_pop(L, 1);
    return copy;
}

/* `name` as it is, or as the text of a JSON object. */
static bool read_body(const struct reader *r, const char *name, bool as_json,
                      Perigee__Delivery *out)
{
    lua_State *L = r->L;
    size_t size = 0;
    lua_pushstring(L, name);
    bool has = lua_rawget(L, r->item) != LUA_TNIL;
    if (has) {
        const char *text =
            lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
        if (text == NULL || size > NOTIFY_BODY_MAX)
            luaL_error(L, "item %d: '%s': want a text of at most %d KiB",
                       r->place, name, NOTIFY_BODY_MAX >> 10);
        struct buf json = {0};
        if (as_json) {
            struct json_writer w;
            json_init(&w, &json, 0);
            json_begin_object(&w);
            json_key(&w, name);
            json_text_n(&w, bytes_of(text, size));
            json_end_object(&w);
            text = json.text;
            size = json.size;
        }
        out->has_body = true;
        out->body.data = arena_memdup(r->arena, text, size);
        out->body.len = size;
        buf_release(&json);
    }
    lua_pop(L, 1);
    return has;
}

static void read_headers(const struct reader *r, Perigee__Delivery *out)
{
    lua_State *L = r->L;
    lua_pushstring(L, "headers");
    if (lua_rawget(L, r->item) == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    if (!lua_istable(L, -1))
        luaL_error(L, "item %d: 'headers': want a table of texts", r->place);
    out->headers =
        arena_alloc(r->arena, NOTIFY_HEADERS_MAX * sizeof *out->headers);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        size_t name_size = 0, size = 0;
        bool are_texts =
            lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING;
        const char *name = are_texts ? lua_tolstring(L, -2, &name_size) : "";
        const char *value = are_texts ? lua_tolstring(L, -1, &size) : "";
        if (!are_texts || has_controls(name, name_size) ||
            strpbrk(name, ": ") != NULL || has_controls(value, size) ||
            name_size + size > NOTIFY_TEXT_MAX)
            luaL_error(L,
                       "item %d: 'headers': want names and texts of one line",
                       r->place);
        if (out->n_headers == NOTIFY_HEADERS_MAX)
            luaL_error(L, "item %d: 'headers': want at most %d", r->place,
                       NOTIFY_HEADERS_MAX);
        out->headers[out->n_headers++] =
            arena_printf(r->arena, "%s: %s", name, value);
    }
    lua_pop(L, 1);
}

static void check_names(const struct reader *r)
{
    static const char *const known[] = {"url",  "type",  "headers", "text",
                                        "body", "email", "subject"};
    lua_State *L = r->L;
    for (lua_pushnil(L); lua_next(L, r->item) != 0; lua_pop(L, 1)) {
        const char *name =
            lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known |= strcmp(name, known[i]) == 0;
        if (!is_known)
            luaL_error(L,
                       "item %d: unknown field '%s': want url, type, headers, "
                       "text, body, email, subject",
                       r->place, name);
    }
}

static Perigee__Delivery *read_item(const struct reader *r)
{
    Perigee__Delivery *out = arena_alloc(r->arena, sizeof *out);
    perigee__delivery__init(out);
    check_names(r);
    out->url = read_line(r, "url");
    out->email = read_line(r, "email");
    out->type = read_line(r, "type");
    out->subject = read_line(r, "subject");
    read_headers(r, out);
    bool has_text = read_body(r, "text", out->url != NULL, out);
    bool has_body = read_body(r, "body", false, out);
    if ((out->url != NULL) == (out->email != NULL))
        luaL_error(r->L, "item %d: want one of url and email", r->place);
    if (has_text && has_body)
        luaL_error(r->L, "item %d: want one of text and body", r->place);
    if (out->url != NULL && strncmp(out->url, "http://", 7) != 0 &&
        strncmp(out->url, "https://", 8) != 0)
        luaL_error(r->L, "item %d: 'url': want http:// or https://", r->place);
    if (out->type != NULL && strlen(out->type) > NOTIFY_TYPE_MAX)
        luaL_error(r->L, "item %d: 'type': want at most %d bytes", r->place,
                   NOTIFY_TYPE_MAX);
    if (out->email != NULL && (out->type != NULL || out->n_headers > 0))
        luaL_error(r->L, "item %d: a mail has no type and no headers",
                   r->place);
    return out;
}

int notify_read_result(lua_State *L)
{
    struct arena *arena = lua_touserdata(L, 2);
    Perigee__Verdicts *out = lua_touserdata(L, 3);
    if (!lua_istable(L, 1))
        luaL_error(L, "script returned %s%s: want a list of requests and mails",
                   lua_isnil(L, 1) ? "" : "a ", value_type_name(L, 1));
    lua_Unsigned count = lua_rawlen(L, 1);
    if (count > NOTIFY_DELIVERIES_MAX)
        luaL_error(L, "script returned %d requests and mails: want at most %d",
                   (int)(count < 100000 ? count : 100000),
                   NOTIFY_DELIVERIES_MAX);
    out->deliveries =
        arena_alloc(arena, NOTIFY_DELIVERIES_MAX * sizeof(void *));
    for (lua_Unsigned i = 1; i <= count; i++) {
        struct reader r = {L, arena, 4, (int)i};
        lua_settop(L, 3);
        if (lua_rawgeti(L, 1, (lua_Integer)i) != LUA_TTABLE)
            luaL_error(L, "item %d: want a table with url or email", (int)i);
        out->deliveries[out->n_deliveries++] = read_item(&r);
    }
    lua_settop(L, 3);
    lua_pushnil(L);
    if (count == 0 && lua_next(L, 1) != 0)
        luaL_error(L, "script returned a table with names: want a list");
    return 0;
}
