#include "script/template.h"
#include "base/text.h"
#include <string.h>

static const char *const NAMES[] = {"mesos.cluster",
                                    "mesos.environment",
                                    "mesos.hostname",
                                    "mesos.instance",
                                    "mesos.name",
                                    "mesos.role",
                                    "thermos.task_id",
                                    "thermos.user",
                                    "thermos.ports[NAME]",
                                    "env[NAME]",
                                    NULL};

enum { SHOWN_MAX = 80, NAME_MAX_BYTES = 128 };

static bool is_name(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = (char)text.data[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
        if (!ok)
            return false;
    }
    return text.size > 0 && text.size <= NAME_MAX_BYTES;
}

/* "prefix[NAME]" -> NAME */
static bool indexed(struct bytes inner, const char *prefix, struct bytes *out)
{
    size_t size = strlen(prefix);
    if (!bytes_starts_with(inner, prefix) || inner.size < size + 2 ||
        inner.data[inner.size - 1] != ']')
        return false;
    *out = bytes_of(inner.data + size, inner.size - size - 1);
    return is_name(*out);
}

static bool is_known(struct bytes inner, struct template_ref *out)
{
    struct bytes name;
    out->port = bytes_of("", 0);
    if (indexed(inner, "thermos.ports[", &out->port) ||
        indexed(inner, "env[", &name))
        return true;
    out->port = bytes_of("", 0);
    for (size_t i = 0; NAMES[i] != NULL; i++)
        if (strchr(NAMES[i], '[') == NULL && bytes_equal_text(inner, NAMES[i]))
            return true;
    return false;
}

/* The inner text without spaces, for the hint. */
static void squeeze(struct bytes inner, char *out, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < inner.size && at + 1 < size; i++)
        if (inner.data[i] != ' ' && inner.data[i] != '\t')
            out[at++] = (char)inner.data[i];
    out[at] = '\0';
}

static int explain(struct bytes whole, struct bytes inner, struct buf *message,
                   struct buf *expected)
{
    char name[NAME_MAX_BYTES + 16];
    struct template_ref ref;
    int shown = whole.size > SHOWN_MAX ? SHOWN_MAX : (int)whole.size;
    squeeze(inner, name, sizeof name);
    buf_clear(message);
    buf_clear(expected);
    if (memmem(inner.data, inner.size, "{{", 2) != NULL) {
        buf_addf(message, "nested '%.*s'", shown, (const char *)whole.data);
        buf_add_text(expected, "want no {{...}} inside {{...}}");
        return -1;
    }
    if (strlen(name) < inner.size && is_known(bytes_of_text(name), &ref)) {
        buf_addf(message, "spaces in '%.*s'", shown, (const char *)whole.data);
        buf_addf(expected, "want '{{%s}}'", name);
        return -1;
    }
    buf_addf(message, "nothing binds '%.*s'", shown, (const char *)whole.data);
    const char *nearest = text_nearest(name, NAMES);
    if (nearest != NULL)
        buf_addf(expected, "want '{{%s}}'", nearest);
    else
        buf_add_text(expected, "want mesos.*, thermos.*, env[NAME], or raw "
                               "[[...]] around text that is not substituted");
    return -1;
}

int template_next(struct bytes *text, struct template_ref *out,
                  struct buf *message, struct buf *expected)
{
    const uint8_t *open = memmem(text->data, text->size, "{{", 2);
    if (open == NULL)
        return 0;
    const uint8_t *end = text->data + text->size;
    const uint8_t *inner = open + 2;
    const uint8_t *close = memmem(inner, (size_t)(end - inner), "}}", 2);
    if (close == NULL) {
        buf_clear(message);
        buf_clear(expected);
        buf_add_text(message, "'{{' without '}}'");
        buf_add_text(expected, "want {{name}}, or raw [[...]] around text that "
                               "is not substituted");
        *text = bytes_of(end, 0);
        return -1;
    }
    out->whole = bytes_of(open, (size_t)(close + 2 - open));
    *text = bytes_of(close + 2, (size_t)(end - close - 2));
    struct bytes name = bytes_of(inner, (size_t)(close - inner));
    if (!is_known(name, out))
        return explain(out->whole, name, message, expected);
    return 1;
}
