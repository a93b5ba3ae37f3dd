/* What a field takes, and whether a value obeys. */
#include "base/cron.h"
#include "base/job_key.h"
#include "base/permission.h"
#include "base/text.h"
#include "base/timezone.h"
#include "script/schema.h"
#include <assert.h>
#include <ctype.h>
#include <string.h>

/* --- what a text must look like --- */

static bool is_hex(const char *text, size_t size)
{
    if (size != 64)
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isdigit((unsigned char)text[i]) &&
            !(text[i] >= 'a' && text[i] <= 'f'))
            return false;
    return true;
}

static bool is_variable(const char *text, size_t size)
{
    if (size == 0 || isdigit((unsigned char)text[0]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_')
            return false;
    return true;
}

/* prod, devel, test, staging[0-9]* */
static bool is_environment(const char *text)
{
    static const char STAGING[] = "staging";
    if (strcmp(text, "prod") == 0 || strcmp(text, "devel") == 0 ||
        strcmp(text, "test") == 0)
        return true;
    size_t size = sizeof STAGING - 1;
    return strncmp(text, STAGING, size) == 0 &&
           text[size + strspn(text + size, "0123456789")] == '\0';
}

static bool has_control(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return true;
    return false;
}

static bool is_file_name(const char *text, size_t size)
{
    return size > 0 && text[0] != '.' && memchr(text, '/', size) == NULL &&
           !has_control(text, size);
}

/* A path that stays below the folder of the job file. */
static bool is_path_below(const char *text)
{
    if (text[0] == '/')
        return false;
    for (const char *part = text; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        size_t size = strcspn(part, "/");
        if (size == 0 || (size == 2 && memcmp(part, "..", 2) == 0))
            return false;
    }
    return true;
}

static bool is_uri(const char *text, size_t size)
{
    static const char *const scheme[] = {"http://", "https://", "file:///"};
    if (has_control(text, size))
        return false;
    for (size_t i = 0; i < sizeof scheme / sizeof *scheme; i++)
        if (strncmp(text, scheme[i], strlen(scheme[i])) == 0)
            return text[strlen(scheme[i])] != '\0';
    return strstr(text, "://") == NULL && is_path_below(text);
}

/* What may stand in the first line of a request, after the host. */
static bool is_endpoint(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f)
            return false;
    return size > 0 && text[0] == '/';
}

static bool is_url(const char *text)
{
    size_t scheme = strncmp(text, "https://", 8) == 0  ? 8
                    : strncmp(text, "http://", 7) == 0 ? 7
                                                       : 0;
    return scheme > 0 && strcspn(text + scheme, "/?#") > 0 &&
           strpbrk(text, " \t\r\n\"<>") == NULL;
}

static bool is_word(const char *text, size_t size)
{
    return size > 0 && !has_control(text, size) && strchr(text, ' ') == NULL;
}

static bool is_email(const char *text, size_t size)
{
    const char *at = strchr(text, '@');
    return is_word(text, size) && at != NULL && at != text && at[1] != '\0' &&
           strchr(at + 1, '@') == NULL;
}

static bool is_port(const char *text, size_t size)
{
    enum { PORT_NAME_MAX = 128 };
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && strchr("_.-", text[i]) == NULL)
            return false;
    return size > 0 && size <= PORT_NAME_MAX;
}

static bool is_label(const char *text, size_t size)
{
    enum { LABEL_MAX = 63 };
    return size > 0 && size <= LABEL_MAX && !has_control(text, size);
}

static bool is_os_user(const char *text, size_t size)
{
    enum { OS_USER_NAME_MAX = 32 };
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return size > 0 && size <= OS_USER_NAME_MAX && text[0] != '-' &&
           strspn(text, letters) == size;
}

static bool rule_holds(enum field_rule rule, const char *text, size_t size)
{
    struct job_key key;
    struct cron_schedule schedule;
    struct action_set actions = {0};
    struct pattern pattern;
    int64_t bytes;
    switch (rule) {
    case RULE_ABSOLUTE:
        return text[0] == '/' && !has_control(text, size);
    case RULE_ACTION:
        return action_set_parse(&actions, text, NULL) == 0;
    case RULE_ATTRIBUTE:
        return size > 0 && !has_control(text, size);
    case RULE_CRON:
        return cron_parse(text, &schedule, NULL) == 0;
    case RULE_EMAIL:
        return is_email(text, size);
    case RULE_ENDPOINT:
        return is_endpoint(text, size);
    case RULE_ENVIRONMENT:
        return is_environment(text) && job_key_part_ok(text);
    case RULE_FILE_NAME:
        return is_file_name(text, size);
    case RULE_IDENTIFIER:
        return job_key_part_ok(text);
    case RULE_JOB_KEY:
        return job_key_parse(text, &key, NULL) == 0;
    case RULE_LABEL:
        return is_label(text, size);
    case RULE_LITERAL:
        return memmem(text, size, "{{", 2) == NULL;
    case RULE_OS_USER:
        return is_os_user(text, size);
    case RULE_PATTERN:
        return pattern_parse(&pattern, text, NULL) == 0;
    case RULE_PORT:
        return is_port(text, size);
    case RULE_SHA256:
        return is_hex(text, size);
    case RULE_SIZE:
        return text_size_bytes(text, &bytes, NULL) == 0;
    case RULE_TIMEZONE:
        return timezone_is_known(text);
    case RULE_URI:
        return is_uri(text, size);
    case RULE_URL:
        return is_url(text);
    case RULE_USER:
        return user_name_ok(text);
    case RULE_VARIABLE:
        return is_variable(text, size);
    case RULE_WORD:
        return is_word(text, size);
    case RULE_NONE:
        break;
    }
    return true;
}

/* --- checks --- */

static void describe_choices(const struct schema_field *field, struct buf *out)
{
    for (size_t i = 0; field->choices[i] != NULL; i++) {
        const char *between = field->choices[i + 1] == NULL ? " or " : ", ";
        buf_addf(out, "%s'%s'", i == 0 ? "" : between, field->choices[i]);
    }
}

static void describe_integer(const struct schema_field *field, struct buf *out)
{
    buf_add_text(out, "an integer");
    if (field->rule == RULE_SIZE)
        buf_add_text(out, ", or a text like '4MB',");
    if (field->max == INT64_MAX)
        buf_addf(out, " of at least %lld", (long long)field->min);
    else
        buf_addf(out, " from %lld to %lld", (long long)field->min,
                 (long long)field->max);
}

static void describe_milli(const struct schema_field *field, struct buf *out)
{
    char min[32], max[32];
    text_from_milli(field->min, min, sizeof min);
    text_from_milli(field->max, max, sizeof max);
    if (field->max != INT64_MAX)
        buf_addf(out, "a number from %s to %s", min, max);
    else
        buf_addf(out, "a number of at least %s", min);
}

/* "Docker", "Docker, Mesos or Container", "string" */
static void describe_held(const struct schema_field *field, struct buf *out)
{
    const struct schema_object *const *one = field->variants;
    if (one == NULL) {
        buf_add_text(out, field->of != NULL                 ? field->of->name
                          : field->element == FIELD_INTEGER ? "integers"
                                                            : "strings");
        return;
    }
    for (size_t i = 0; one[i] != NULL; i++) {
        const char *between = one[i + 1] == NULL ? " or " : ", ";
        buf_addf(out, "%s%s", i == 0 ? "" : between, one[i]->name);
    }
}

static void describe_plain(const struct schema_field *field, struct buf *out)
{
    assert(field->of != NULL || field->type != FIELD_OBJECT);
    switch (field->type) {
    case FIELD_STRING:
        if (field->choices != NULL)
            describe_choices(field, out);
        else
            buf_add_text(out, SCHEMA_RULE_TEXT[field->rule]);
        break;
    case FIELD_TEMPLATE:
        buf_add_text(out, "a string");
        break;
    case FIELD_BOOLEAN:
        buf_add_text(out, "true or false");
        break;
    case FIELD_INTEGER:
        describe_integer(field, out);
        break;
    case FIELD_MILLI:
        describe_milli(field, out);
        break;
    case FIELD_MEBIBYTES:
        buf_addf(out, "bytes, from 1*MB to %lld*TB",
                 (long long)(field->max >> 40));
        break;
    case FIELD_OBJECT:
        buf_addf(out, "%s ", strchr("AEIOU", *field->of->name) ? "an" : "a");
        describe_held(field, out);
        break;
    case FIELD_LIST:
        buf_add_text(out, "a list of ");
        describe_held(field, out);
        break;
    case FIELD_MAP:
        buf_addf(out, "a table of names and %s",
                 field->of->value != NULL ? "strings" : field->of->name);
        break;
    case FIELD_FUNCTION:
        buf_add_text(out, "a function");
        break;
    case FIELD_TAG:
    case FIELD_INTO:
    case FIELD_REFUSED:
        buf_add_text(out, "nothing");
        break;
    }
}

/* What may stand alone for an object is said, too. The elements of some maps
 * are given in no other way. */
void schema_describe(const struct schema_field *field, struct buf *out)
{
    const struct schema_object *of =
        field->type == FIELD_OBJECT ? field->of : NULL;
    const char *between = "";
    bool has_form = of == NULL || of->key == NULL ||
                    (of->field[of->stored_count - 1].flags & IS_ALONE) == 0;
    buf_add_text(out, "want ");
    if (has_form) {
        describe_plain(field, out);
        between = " or ";
    }
    for (size_t i = 0; of != NULL && i < of->stored_count; i++) {
        if (!(of->field[i].flags & IS_ALONE))
            continue;
        buf_add_text(out, between);
        describe_plain(&of->field[i], out);
        between = " or ";
    }
}

static bool refuse(const struct schema_field *field, struct buf *expected)
{
    buf_clear(expected);
    schema_describe(field, expected);
    return false;
}

/* What a cron expression is wrong in is worth more than all it could be. */
static bool refuse_text(const struct schema_field *field, const char *text,
                        struct buf *expected)
{
    struct err err = {0};
    struct cron_schedule schedule;
    if (field->rule != RULE_CRON || cron_parse(text, &schedule, &err) == 0)
        return refuse(field, expected);
    buf_clear(expected);
    buf_add_text(expected, err.text);
    return false;
}

static bool is_choice(const struct schema_field *field, const char *text)
{
    for (size_t i = 0; field->choices[i] != NULL; i++)
        if (strcmp(field->choices[i], text) == 0)
            return true;
    return false;
}

static bool check_bytes(const char *text, size_t size, struct buf *expected)
{
    if (memchr(text, '\0', size) == NULL &&
        text_is_utf8((const uint8_t *)text, size))
        return true;
    buf_clear(expected);
    buf_add_text(expected, "want UTF-8 without a zero byte");
    return false;
}

bool schema_check_text(const struct schema_field *field, const char *text,
                       size_t size, struct buf *expected)
{
    if (!check_bytes(text, size, expected))
        return false;
    if (field->choices != NULL && !is_choice(field, text))
        return refuse(field, expected);
    if (!rule_holds(field->rule, text, size))
        return refuse_text(field, text, expected);
    if ((int64_t)size < field->min) {
        buf_clear(expected);
        buf_add_text(expected, "want at least one character");
        return false;
    }
    if ((int64_t)size > field->max) {
        buf_clear(expected);
        buf_addf(expected, "want at most %lld bytes", (long long)field->max);
        return false;
    }
    return true;
}

const char *schema_nearest_text(const struct schema_field *field,
                                const char *text)
{
    if (field->choices != NULL)
        return text_nearest(text, field->choices);
    if (field->rule == RULE_TIMEZONE)
        return timezone_nearest(text);
    if (field->rule == RULE_ACTION)
        return action_nearest(text);
    return NULL;
}

bool schema_check_number(const struct schema_field *field, int64_t number,
                         struct buf *expected)
{
    if (number >= field->min && number <= field->max)
        return true;
    return refuse(field, expected);
}

bool schema_check_count(const struct schema_field *field, size_t count,
                        struct buf *expected)
{
    int64_t min = field->type == FIELD_LIST ? field->min : 0;
    if ((int64_t)count >= min && (int64_t)count <= field->max)
        return true;
    buf_clear(expected);
    if ((int64_t)count < min)
        buf_add_text(expected, "want at least one");
    else
        buf_addf(expected, "want at most %lld", (long long)field->max);
    return false;
}

bool schema_check_key(const struct schema_field *field, const char *text,
                      size_t size, struct buf *expected)
{
    enum { KEY_MAX = 256 };
    if (!check_bytes(text, size, expected))
        return false;
    if (rule_holds(field->rule, text, size) && size > 0 && size <= KEY_MAX)
        return true;
    buf_clear(expected);
    buf_addf(expected, "want %s", SCHEMA_RULE_TEXT[field->rule]);
    return false;
}
