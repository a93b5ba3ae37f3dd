/* What the codec's files share. Not for users of wire/codec.h. */
#pragma once
#include "base/bytes.h"
#include "wire/codec.h"

/* Walk protobuf bytes against the descriptor before protobuf-c recurses over
 * them: depth, lengths, counts, wire types. */
int codec_check_bytes(const ProtobufCMessageDescriptor *type, struct bytes in,
                      struct err *err);

enum { CODEC_ABSENT_MAX = 32 };

/* Required numbers, enums and bytes that a JSON text did not give: the structs
 * of protobuf-c cannot show it. Of more than fit, the later are not told. */
struct codec_absent {
    struct {
        const ProtobufCMessage *message;
        const ProtobufCFieldDescriptor *field;
    } item[CODEC_ABSENT_MAX];
    uint32_t count;
};

/* JSON text into a message in the arena. `problem` gets Mesos' wording without
 * the "Failed to ..." in front; ERR_INVALID when the text is not JSON,
 * ERR_CONFLICT when it is JSON of the wrong shape. With a `path` (it gets the
 * place of the problem) what this schema does not know is a problem, too. */
int codec_read_json(const ProtobufCMessageDescriptor *type, struct bytes in,
                    struct arena *arena, ProtobufCMessage **out,
                    struct codec_absent *absent, struct buf *problem,
                    struct buf *path);

/* --- strictness (codec_strict.c) --- */

/* Fields and enum values that this schema does not know: ERR_CONFLICT with the
 * path of the first one and what is wrong there. */
int codec_check_known(const ProtobufCMessage *message, struct buf *path,
                      struct buf *problem);
/* "nearest known name: 'B'; want one of A, B, C" */
void codec_name_values(const ProtobufCEnumDescriptor *type, const char *name,
                       struct buf *out);
/* "; nearest known name: 'b'" when there is one. */
void codec_name_nearest(const ProtobufCMessageDescriptor *type,
                        const char *name, struct buf *out);

/* Does the message lack fields its schema marks required? The paths of them
 * all, up to a limit, are appended to `paths`: "executor_id, framework_id". */
bool codec_missing_required(const ProtobufCMessage *message,
                            const struct codec_absent *absent,
                            struct buf *paths);

void codec_write_json(const ProtobufCMessage *message, int indent,
                      struct buf *out);

/* Unset optional enums whose number this schema does not know. */
void codec_drop_unknown_enums(ProtobufCMessage *message);

/* --- a message's fields, by descriptor --- */

/* The quantifier's place: a bool, a count or the case of a oneof. */
static inline void *codec_quantifier(const ProtobufCMessage *message,
                                     const ProtobufCFieldDescriptor *field)
{
    return (char *)message + field->quantifier_offset;
}
static inline void *codec_place(const ProtobufCMessage *message,
                                const ProtobufCFieldDescriptor *field)
{
    return (char *)message + field->offset;
}
/* Is a field that is not repeated set? */
bool codec_is_set(const ProtobufCMessage *message,
                  const ProtobufCFieldDescriptor *field);
/* Bytes that one element takes in a struct or array. */
size_t codec_element_size(ProtobufCType type);
/* Does a repeated message field stand for a map? */
bool codec_is_map(const ProtobufCFieldDescriptor *field);
