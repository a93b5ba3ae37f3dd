#include "script/sandbox.h"
#include "base/text.h"
#include "script/library.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char LANGUAGE = 0; /* its address is the registry key */

struct sandbox *sandbox_of(lua_State *L)
{
    struct sandbox *s;
    memcpy(&s, lua_getextraspace(L), sizeof s);
    return s;
}

bool sandbox_where(lua_State *L, char file[SANDBOX_FILE_MAX], int *line)
{
    lua_Debug frame;
    for (int level = 0; lua_getstack(L, level, &frame); level++) {
        if (!lua_getinfo(L, "Sl", &frame) || frame.source[0] != '@')
            continue; /* C, or the stdlib */
        snprintf(file, SANDBOX_FILE_MAX, "%s", frame.source + 1);
        *line = frame.currentline;
        return true;
    }
    file[0] = '\0';
    *line = 0;
    return false;
}

/* lua_Alloc with a budget. A refusal makes Lua collect garbage and ask once
 * more; the place is noted because memory errors run no message handler. */
static void *allocate(void *ud, void *old, size_t old_size, size_t size)
{
    struct sandbox *s = ud;
    if (old == NULL)
        old_size = 0; /* it holds the kind of object instead */
    if (size == 0) {
        free(old);
        s->used_bytes -= old_size;
        return NULL;
    }
    if (size > old_size && size - old_size > s->max_bytes - s->used_bytes) {
        if (s->L != NULL)
            sandbox_where(s->L, s->refused.file, &s->refused.line);
        return NULL;
    }
    void *now = realloc(old, size);
    if (now != NULL)
        s->used_bytes += size - old_size;
    return now;
}

static int on_panic(lua_State *L)
{
    fprintf(stderr, "lua: error outside a protected call: %s\n",
            lua_tostring(L, -1));
    abort();
}

static void on_steps(lua_State *L, lua_Debug *frame)
{
    (void)frame;
    struct sandbox *s = sandbox_of(L);
    if (++s->steps <= s->steps_max)
        return;
    /* From now on at every instruction: a pcall in a loop could otherwise
     * swallow this error for ever. */
    s->is_spent = true;
    lua_sethook(L, on_steps, LUA_MASKCOUNT, 1);
    luaL_error(L, "runs too long");
}

void sandbox_limit_steps(struct sandbox *s, uint64_t steps)
{
    s->steps = 0;
    s->steps_max = steps / 1000;
    lua_sethook(s->L, on_steps, LUA_MASKCOUNT, 1000);
}

/* Nearest name of the language or of the environment (upvalue 1). */
static const char *nearest_name(lua_State *L, const char *name)
{
    enum { NAMES_MAX = 512 };
    const char *names[NAMES_MAX + 1];
    int count = 0;
    for (int table = 1; table <= 2; table++) {
        if (table == 1)
            sandbox_push_language(L);
        else
            lua_pushvalue(L, lua_upvalueindex(1));
        lua_pushnil(L);
        while (lua_next(L, -2) != 0) {
            lua_pop(L, 1);
            if (count < NAMES_MAX && lua_type(L, -1) == LUA_TSTRING)
                names[count++] = lua_tostring(L, -1);
        }
    }
    names[count] = NULL;
    return text_nearest(name, names);
}

/* __index of an environment, when the language has no such name either. */
static int on_undefined(lua_State *L)
{
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    sandbox_push_language(L);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL)
        return 1;
    const char *name = lua_tostring(L, 2);
    const char *nearest = nearest_name(L, name);
    if (nearest != NULL)
        return luaL_error(L, "undefined name '%s', did you mean '%s'?", name,
                          nearest);
    return luaL_error(L, "undefined name '%s'", name);
}

static int on_define(lua_State *L)
{
    sandbox_push_language(L);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL)
        return luaL_error(L,
                          "'%s' belongs to the language, choose another name",
                          lua_tostring(L, 2));
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

void sandbox_push_language(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &LANGUAGE);
}

void sandbox_push_environment(lua_State *L)
{
    lua_newtable(L); /* environment */
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, on_undefined, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, on_define);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
}

static int set_up(lua_State *L)
{
    lua_newtable(L);
    library_open(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &LANGUAGE);
    return 0;
}

int sandbox_open(struct sandbox *s, size_t max_bytes, struct err *err)
{
    *s = (struct sandbox){.max_bytes = max_bytes};
    lua_State *L = lua_newstate(allocate, s);
    if (L == NULL)
        return err_set(err, ERR_LIMIT, "lua: no memory for a state");
    memcpy(lua_getextraspace(L), &s, sizeof(void *));
    lua_atpanic(L, on_panic);
    s->L = L;
    /* What runs here ends soon: collect when memory grew tenfold. */
    lua_gc(L, LUA_GCINC, 1000, 400, 0);
    lua_pushcfunction(L, set_up);
    struct sandbox_failure failure;
    if (sandbox_call(s, 0, 0, &failure) < 0) {
        sandbox_close(s);
        return err_set(err, ERR_LIMIT, "lua: %s", failure.text);
    }
    return 0;
}

void sandbox_close(struct sandbox *s)
{
    if (s->L != NULL)
        lua_close(s->L);
    s->L = NULL;
}

/* "f.lua:3: text" as the parser and luaL_error write it, where f.lua may be
 * shortened: give the line, and the text behind. */
static const char *split_place(const char *message, const char *file, int *line)
{
    size_t length = strlen(file);
    if (length > LUA_IDSIZE - 1)
        length = LUA_IDSIZE - 1;
    if (strnlen(message, length) < length)
        return message;
    char *end;
    const char *colon = strchr(message + length, ':');
    if (colon == NULL)
        return message;
    long number = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || strncmp(end, ": ", 2) != 0)
        return message;
    *line = (int)number;
    return end + 2;
}

/* Text on its way to the parser, a line at a time: of "C stack overflow" and of
 * memory the parser tells no line, but it is the last it was given. */
struct lines {
    const char *text;
    size_t left;
    int line;
};

static const char *next_line(lua_State *L, void *data, size_t *size)
{
    struct lines *lines = data;
    const char *text = lines->text;
    (void)L;
    if (lines->left == 0)
        return NULL;
    const char *end = memchr(text, '\n', lines->left);
    *size = end != NULL ? (size_t)(end - text) + 1 : lines->left;
    lines->text += *size;
    lines->left -= *size;
    lines->line++;
    return text;
}

/* Some editors begin a file with a byte order mark; it is no text. */
static struct lines lines_of(const char *text, size_t size)
{
    static const char MARK[] = "\xef\xbb\xbf";
    size_t skip = sizeof MARK - 1;
    if (size < skip || memcmp(text, MARK, skip) != 0)
        skip = 0;
    return (struct lines){text + skip, size - skip, 0};
}

int sandbox_load(struct sandbox *s, const char *file, const char *text,
                 size_t size, struct sandbox_failure *failure)
{
    lua_State *L = s->L;
    char chunk[SANDBOX_FILE_MAX + 1];
    struct lines lines = lines_of(text, size);
    snprintf(chunk, sizeof chunk, "@%s", file);
    int status = lua_load(L, next_line, &lines, chunk, "t");
    if (status == LUA_OK) {
        lua_pushvalue(L, -2);
        lua_setupvalue(L, -2, 1); /* the first upvalue of a chunk is _ENV */
        return 0;
    }
    *failure = (struct sandbox_failure){.is_syntax = true};
    snprintf(failure->file, sizeof failure->file, "%s", file);
    const char *message = lua_tostring(L, -1);
    if (size > 0 && text[0] == LUA_SIGNATURE[0]) {
        message = "is compiled Lua: want its source text";
        failure->line = 1;
    } else {
        failure->line = lines.line;
        message = split_place(message, file, &failure->line);
        if (strcmp(message, "C stack overflow") == 0)
            message = "too many levels of nesting: want fewer than 200";
    }
    snprintf(failure->text, sizeof failure->text, "%s", message);
    lua_pop(L, 1);
    return -ERR_INVALID;
}

/* The calls that led to the error, as text; not when memory is the trouble. */
static void note_trace(lua_State *L, struct sandbox_failure *failure)
{
    enum { ROOM = 256 << 10 };
    const struct sandbox *s = sandbox_of(L);

    if (s->used_bytes + ROOM > s->max_bytes || !lua_checkstack(L, 16))
        return;
    luaL_traceback(L, L, NULL, 1);
    snprintf(failure->trace, sizeof failure->trace, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
}

/* What a file threw that is no text. A table's own __tostring is not asked: it
 * is the file's, and may do anything. */
static void describe(lua_State *L, struct sandbox_failure *failure)
{
    const char *text = NULL;

    snprintf(failure->text, sizeof failure->text,
             "error with a %s instead of a text", luaL_typename(L, 1));
    if (lua_isnil(L, 1))
        snprintf(failure->text, sizeof failure->text,
                 "error without a text: want error('what is wrong')");
    if (lua_istable(L, 1)) {
        lua_pushliteral(L, "message");
        lua_rawget(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING)
            text = lua_tostring(L, -1);
    } else if (lua_isuserdata(L, 1) || lua_isnumber(L, 1)) {
        text = luaL_tolstring(L, 1, NULL);
    }
    if (text != NULL)
        snprintf(failure->text, sizeof failure->text,
                 "error with %s instead of a text: %s",
                 lua_istable(L, 1)    ? "a table"
                 : lua_isnumber(L, 1) ? "a number"
                                      : "an object",
                 text);
}

/* Message handler: while the stack still stands, note where it broke. */
static int on_error(lua_State *L)
{
    struct sandbox_failure *failure = lua_touserdata(L, lua_upvalueindex(1));
    char file[SANDBOX_FILE_MAX];
    int line;
    *failure = (struct sandbox_failure){0};
    if (sandbox_where(L, file, &line)) {
        memcpy(failure->file, file, sizeof file);
        failure->line = line;
    }
    note_trace(L, failure);
    if (lua_type(L, 1) != LUA_TSTRING) {
        describe(L, failure);
        return 1;
    }
    const char *message = lua_tostring(L, 1);
    if (failure->file[0] != '\0') {
        int told = failure->line;
        message = split_place(message, failure->file, &told);
        failure->line = told;
    }
    snprintf(failure->text, sizeof failure->text, "%s", message);
    return 1;
}

int sandbox_call(struct sandbox *s, int arguments, int results,
                 struct sandbox_failure *failure)
{
    lua_State *L = s->L;
    int base = lua_gettop(L) - arguments;
    lua_pushlightuserdata(L, failure);
    lua_pushcclosure(L, on_error, 1);
    lua_insert(L, base); /* handler function arguments */
    int status = lua_pcall(L, arguments, results, base);
    lua_remove(L, base);
    if (status == LUA_OK)
        return 0;
    lua_pop(L, 1);
    if (status == LUA_ERRMEM || (s->is_spent && s->refused.line > 0)) {
        *failure = s->refused;
        snprintf(failure->text, sizeof failure->text,
                 "uses more than %zu MiB of memory", s->max_bytes >> 20);
        s->is_spent = true;
    }
    return -ERR_INVALID;
}
