#include "master/core/output.h"
#include <string.h>

void outputs_init(struct outputs *out)
{
    *out = (struct outputs){0};
    arena_init(&out->arena);
}

void outputs_clear(struct outputs *out)
{
    for (uint32_t i = 0; i < out->count; i++) {
        blob_unref(out->item[i].blob);
        blob_unref(out->item[i].blob2);
    }
    out->count = 0;
    arena_clear(&out->arena);
}

void outputs_release(struct outputs *out)
{
    outputs_clear(out);
    arena_release(&out->arena);
    vec_free(out);
}

struct output *output_add(struct outputs *out, enum output_kind kind)
{
    struct output *output = vec_add(out);
    *output = (struct output){.kind = kind, .reason = STATUS_REASON_NONE};
    return output;
}

const char *output_text(struct outputs *out, const char *text)
{
    return text ? arena_strdup(&out->arena, text) : NULL;
}

void output_log(struct outputs *out, int level, const char *format, ...)
{
    struct buf line = {0};
    va_list args;
    va_start(args, format);
    buf_addfv(&line, format, args);
    va_end(args);
    struct output *output = output_add(out, OUTPUT_LOG);
    output->number = level;
    output->text = output_text(out, buf_text(&line));
    buf_release(&line);
}
