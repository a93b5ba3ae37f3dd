#include "script/config.h"
#include "base/alloc.h"
#include "base/text.h"
#include "base/version.h"
#include "script/config_file.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_OPTIONS_MAX = 128, CONFIG_NAME_MAX = 64 };

/* Where a value came from; a later one wins. */
enum origin { FROM_NOWHERE, FROM_DEFAULT, FROM_FILE, FROM_ENV, FROM_FLAG };

struct loader {
    const struct config_schema *schema;
    char *config; /* the struct to fill, by offsets */
    enum origin origin[CONFIG_OPTIONS_MAX];
    const char *file;       /* of the file being run */
    const char *file_given; /* --config=FILE */
};

/* --- one value --- */

static int parse_bool(const char *text, bool *out, struct err *err)
{
    bool is_true = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!is_true && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return err_set(err, ERR_INVALID, "'%.100s': want true or false", text);
    *out = is_true;
    return 0;
}

static int parse_int(const struct config_option *option, const char *text,
                     int64_t *out, struct err *err)
{
    int64_t min = option->min, max = option->max;
    if (min == 0 && max == 0) {
        min = INT64_MIN;
        max = INT64_MAX;
    }
    switch (option->type) {
    case CONFIG_DURATION:
        return text_duration_ms(text, out, err);
    case CONFIG_SIZE:
        return text_size_bytes(text, out, err);
    default:
        return text_int(text, min, max, out, err);
    }
}

static int option_set(struct loader *loader, const struct config_option *option,
                      const char *text, enum origin origin, struct err *err)
{
    void *field = loader->config + option->offset;
    enum origin *old = &loader->origin[option - loader->schema->option];
    int rc = 0;
    if (*old > origin)
        return 0;
    if (loader->schema->check != NULL)
        rc = loader->schema->check(option->name, text, err);
    if (rc < 0)
        return rc;
    if (option->type == CONFIG_STRING) {
        free(*(char **)field);
        *(char **)field = xstrdup(text);
    } else if (option->type == CONFIG_BOOL) {
        rc = parse_bool(text, field, err);
    } else {
        rc = parse_int(option, text, field, err);
    }
    *old = origin;
    return rc;
}

/* --- names --- */

/* "--work-dir" and "work_dir" are one name. */
static const struct config_option *option_find(const struct loader *loader,
                                               const char *name, size_t size)
{
    const struct config_schema *schema = loader->schema;
    for (size_t i = 0; i < schema->option_count; i++) {
        const char *known = schema->option[i].name;
        size_t at = 0;
        while (at < size && known[at] != '\0' &&
               known[at] == (name[at] == '-' ? '_' : name[at]))
            at++;
        if (at == size && known[at] == '\0')
            return &schema->option[i];
    }
    return NULL;
}

static int unknown(const struct loader *loader, const char *place,
                   const char *dashes, const char *name, struct err *err)
{
    const char *names[CONFIG_OPTIONS_MAX + 4];
    char folded[CONFIG_NAME_MAX];
    size_t count = 0;
    for (; count < loader->schema->option_count; count++)
        names[count] = loader->schema->option[count].name;
    if (*dashes != '\0') {
        names[count++] = "help";
        names[count++] = "version";
        if (loader->schema->file_option)
            names[count++] = loader->schema->file_option;
    }
    names[count] = NULL;
    snprintf(folded, sizeof folded, "%s", name);
    for (char *c = folded; *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c;
    const char *nearest = text_nearest(folded, names);
    int rc = err_set(err, ERR_INVALID, "%sunknown option '%s%s'%s%s%s%s", place,
                     dashes, folded, nearest ? ", did you mean '" : "",
                     nearest ? dashes : "", nearest ? nearest : "",
                     nearest ? "'?" : "");
    err_field(err, "%s", folded);
    err_hint(err, "%s --help lists the options", loader->schema->program);
    return rc;
}

/* --- sources --- */

static int load_defaults(struct loader *loader, struct err *err)
{
    const struct config_schema *schema = loader->schema;
    for (size_t i = 0; i < schema->option_count; i++) {
        const struct config_option *option = &schema->option[i];
        if (option->initial == NULL)
            continue;
        int rc = option_set(loader, option, option->initial, FROM_DEFAULT, err);
        if (rc < 0)
            return err_wrap(err, "default of '%s'", option->name);
    }
    return 0;
}

static int on_assigned(void *context, const char *name, const char *value,
                       int line, struct err *err)
{
    struct loader *loader = context;
    const struct config_option *option =
        option_find(loader, name, strlen(name));
    char place[ERR_PLACE_MAX];
    snprintf(place, sizeof place, "%s:%d: ", loader->file, line);
    if (option == NULL)
        return unknown(loader, place, "", name, err);
    int rc = option_set(loader, option, value, FROM_FILE, err);
    if (rc < 0) {
        err_wrap(err, "%soption '%s'", place, name);
        err_field(err, "%s", name);
    }
    return rc;
}

static int load_file(struct loader *loader, struct err *err)
{
    const struct config_schema *schema = loader->schema;
    const char *path = loader->file_given;
    if (path == NULL && schema->file_option != NULL)
        path = getenv("PERIGEE_CONFIG");
    if (path == NULL && schema->default_file != NULL &&
        access(schema->default_file, R_OK) == 0)
        path = schema->default_file;
    if (path == NULL || *path == '\0')
        return 0;
    loader->file = path;
    return config_file_run(path, on_assigned, loader, err);
}

static int load_variables(struct loader *loader, struct err *err)
{
    const struct config_schema *schema = loader->schema;
    for (size_t i = 0; i < schema->option_count; i++) {
        const struct config_option *option = &schema->option[i];
        char name[CONFIG_NAME_MAX + 16] = "PERIGEE_";
        size_t at = strlen(name);
        for (const char *c = option->name; *c != '\0' && at < sizeof name - 1;)
            name[at++] = (char)toupper((unsigned char)*c++);
        name[at] = '\0';
        const char *value = getenv(name);
        if (value == NULL)
            continue;
        if (option_set(loader, option, value, FROM_ENV, err) < 0) {
            err_field(err, "%s", option->name);
            return err_wrap(err, "environment variable %s", name);
        }
    }
    return 0;
}

/* --- flags --- */

struct flag {
    const char *name; /* behind the dashes */
    size_t size;
    const char *value; /* NULL: none was given */
};

/* --x, --x=v, --x v; --no-x for booleans. Takes one or two arguments. */
static int load_flag(struct loader *loader, char **argv, struct flag flag,
                     struct err *err)
{
    const struct config_option *option =
        option_find(loader, flag.name, flag.size);
    int taken = 1;
    if (option == NULL && flag.value == NULL && flag.size > 3 &&
        strncmp(flag.name, "no-", 3) == 0) {
        option = option_find(loader, flag.name + 3, flag.size - 3);
        if (option != NULL && option->type == CONFIG_BOOL)
            flag.value = "false";
        else
            option = NULL;
    }
    if (option == NULL) {
        char name[CONFIG_NAME_MAX];
        snprintf(name, sizeof name, "%.*s", (int)flag.size, flag.name);
        return unknown(loader, "", "--", name, err);
    }
    if (flag.value == NULL && option->type == CONFIG_BOOL)
        flag.value = "true";
    if (flag.value == NULL) {
        flag.value = argv[1];
        taken = 2;
    }
    if (flag.value == NULL)
        return err_set(err, ERR_INVALID, "option '--%s': want a value",
                       option->name);
    if (option_set(loader, option, flag.value, FROM_FLAG, err) < 0) {
        err_field(err, "%s", option->name);
        return err_wrap(err, "option '--%s'", option->name);
    }
    return taken;
}

static struct flag flag_split(const char *argument)
{
    const char *equals = strchr(argument, '=');
    size_t size = equals ? (size_t)(equals - argument) : strlen(argument);
    return (struct flag){argument + 2, size - 2, equals ? equals + 1 : NULL};
}

static bool flag_is(const struct loader *loader, struct flag flag)
{
    const char *name = loader->schema->file_option;
    return name != NULL && flag.size == strlen(name) &&
           strncmp(flag.name, name, flag.size) == 0;
}

static int load_flags(struct loader *loader, int argc, char **argv,
                      struct err *err)
{
    for (int i = 1; i < argc;) {
        if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0')
            return err_set(err, ERR_INVALID,
                           "unexpected argument '%s': want --option=value",
                           argv[i]);
        struct flag flag = flag_split(argv[i]);
        int taken = 1;
        if (flag_is(loader, flag)) {
            taken = flag.value ? 1 : 2;
            loader->file_given = flag.value ? flag.value : argv[i + 1];
            if (loader->file_given == NULL)
                return err_set(err, ERR_INVALID, "option '--%s': want a file",
                               loader->schema->file_option);
        } else {
            taken = load_flag(loader, argv + i, flag, err);
        }
        if (taken < 0)
            return taken;
        i += taken;
    }
    return 0;
}

/* --- help --- */

static const char *type_text(enum config_type type)
{
    static const char *const text[] = {[CONFIG_STRING] = "TEXT",
                                       [CONFIG_BOOL] = "true|false",
                                       [CONFIG_INT] = "N",
                                       [CONFIG_DURATION] = "DURATION",
                                       [CONFIG_SIZE] = "SIZE"};
    return text[type];
}

/* The texts begin in one column, behind the longest option. */
static int help_column(const struct config_schema *schema)
{
    int column = 12;
    for (size_t i = 0; i < schema->option_count; i++) {
        const struct config_option *option = &schema->option[i];
        int size =
            (int)(strlen(option->name) + 3 + strlen(type_text(option->type)));
        column = size > column ? size : column;
    }
    return column;
}

static void print_option(const struct config_option *option, int column)
{
    char left[CONFIG_NAME_MAX + 32];
    snprintf(left, sizeof left, "--%s=%s", option->name,
             type_text(option->type));
    printf("  %-*s  %s", column, left, option->help);
    if (option->is_required)
        printf(" (required)");
    else if (option->initial != NULL && option->initial[0] != '\0')
        printf(" [%s]", option->initial);
    printf("\n");
}

static void print_help(const struct config_schema *schema)
{
    int column = help_column(schema);
    printf("%s: %s\n\nusage: %s [--option=value ...]\n\n", schema->program,
           schema->summary, schema->program);
    for (size_t i = 0; i < schema->option_count; i++)
        if (schema->file_option == NULL ||
            strcmp(schema->option[i].name, schema->file_option) != 0)
            print_option(&schema->option[i], column);
    if (schema->file_option != NULL) {
        char left[CONFIG_NAME_MAX + 32];
        snprintf(left, sizeof left, "--%s=FILE", schema->file_option);
        printf("  %-*s  %s", column, left, "configuration file, in Lua");
        if (schema->default_file != NULL)
            printf(" [%s, where it exists]", schema->default_file);
        printf("\n");
    }
    printf("  %-*s  %s\n  %-*s  %s\n\n", column, "--help", "this list", column,
           "--version", "the version");
    printf("Every option may stand in the configuration file (name = value) "
           "or in the\nenvironment (PERIGEE_<NAME>). A flag goes before the "
           "environment, that before the\nfile. Booleans also take --option "
           "and --no-option. A duration is a number and ms,\nsecs, mins, hrs "
           "or days; a size a number and KB, MB, GB or TB.\n");
}

/* --help and --version win over everything wrong with the rest. */
static bool print_asked(const struct config_schema *schema, int argc,
                        char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            print_help(schema);
        else if (strcmp(argv[i], "--version") == 0)
            printf("perigee %s\n", PERIGEE_VERSION);
        else
            continue;
        return true;
    }
    return false;
}

/* --- all --- */

static int check_required(const struct loader *loader, struct err *err)
{
    const struct config_schema *schema = loader->schema;
    for (size_t i = 0; i < schema->option_count; i++) {
        if (!schema->option[i].is_required || loader->origin[i] > FROM_DEFAULT)
            continue;
        int rc = err_set(err, ERR_INVALID, "option '--%s' is missing: %s",
                         schema->option[i].name, schema->option[i].help);
        err_field(err, "%s", schema->option[i].name);
        err_hint(err, "give --%s=%s", schema->option[i].name,
                 type_text(schema->option[i].type));
        return rc;
    }
    return 0;
}

int config_load(const struct config_schema *schema, int argc, char **argv,
                void *config, struct err *err)
{
    assert(schema->option_count <= CONFIG_OPTIONS_MAX);
    struct loader loader = {.schema = schema, .config = config};
    if (print_asked(schema, argc, argv))
        return 1;
    int rc = load_defaults(&loader, err);
    if (rc == 0)
        rc = load_flags(&loader, argc, argv, err);
    if (rc == 0)
        rc = load_variables(&loader, err);
    if (rc == 0)
        rc = load_file(&loader, err);
    if (rc == 0)
        rc = check_required(&loader, err);
    if (rc < 0)
        config_release(schema, config);
    return rc;
}

void config_release(const struct config_schema *schema, void *config)
{
    for (size_t i = 0; i < schema->option_count; i++) {
        const struct config_option *option = &schema->option[i];
        if (option->type != CONFIG_STRING)
            continue;
        char **field = (char **)(void *)((char *)config + option->offset);
        free(*field);
        *field = NULL;
    }
}
