/* GET /api/v1/schema: a JSON Schema of every call, answer and event, made of
 * the table of calls (api.c) and the message descriptors. */
#include "aurora/api.h"

#include "base/version.h"
#include "wire/schema.h"

#include <string.h>

/* Which fields the events have besides type, sequence and at_ms. A type that is
 * not listed may have any. */
#define EVENT(name) PERIGEE__AURORA__EVENT__TYPE__##name
static const struct {
    Perigee__Aurora__Event__Type type;
    const char *fields;
} EVENTS[] = {
    {EVENT(SUBSCRIBED), "sequence at_ms heartbeat_ms "},
    {EVENT(HEARTBEAT), "sequence at_ms "},
    {EVENT(JOB_CREATED), "sequence at_ms key job "},
    {EVENT(JOB_CHANGED), "sequence at_ms key job "},
    {EVENT(JOB_REMOVED), "sequence at_ms key job "},
    {EVENT(TASK_CHANGED), "sequence at_ms key task "},
    {EVENT(UPDATE_CHANGED), "sequence at_ms key update "},
    {EVENT(HOST_CHANGED), "sequence at_ms host "},
    {EVENT(GROUP_CHANGED), "sequence at_ms key group "},
    {EVENT(ROLLING_CHANGED), "sequence at_ms key rolling "},
    {EVENT(FIRING_CHANGED), "sequence at_ms key firing "},
    {EVENT(NOTIFICATION_GIVEN_UP), "sequence at_ms key notification "},
    {EVENT(ERROR), "sequence at_ms error "},
};

static const char *event_fields(int type)
{
    for (size_t i = 0; i < sizeof EVENTS / sizeof *EVENTS; i++)
        if ((int)EVENTS[i].type == type)
            return EVENTS[i].fields;
    return NULL;
}

static const char *call_name(Perigee__Aurora__Call__Type type)
{
    return protobuf_c_enum_descriptor_get_value(
               &perigee__aurora__call__type__descriptor, (int)type)
        ->name;
}

/* "call.KILL_JOB" as a key; for a reference, with what stands before it. */
static const char *name_of(struct buf *room, const char *kind, const char *type)
{
    buf_clear(room);
    buf_addf(room, "%s.%s", kind, type);
    return buf_text(room);
}

static void put_reference(struct json_writer *w, const char *kind,
                          const char *type)
{
    struct buf name = {0};

    buf_addf(&name, "#/$defs/%s%s%s", kind, *type ? "." : "", type);
    json_begin_object(w);
    json_put_string(w, "$ref", buf_text(&name));
    json_end_object(w);
    buf_release(&name);
}

/* --- calls and their answers --- */

static void put_call(struct json_writer *w, const struct api_route *route)
{
    const char *type = call_name(route->type);
    struct buf name = {0}, fields = {0};

    if (route->field)
        buf_addf(&fields, "%s ", route->field);
    (void)name_of(&name, "perigee.aurora.Call.Type", type);
    const char *comment = schema_comment(buf_text(&name));
    json_key(w, name_of(&name, "call", type));
    schema_write_variant(
        w,
        &(struct schema_variant){
            .message = &perigee__aurora__call__descriptor,
            .type = type,
            .fields = buf_text(&fields),
            .required = route->flags & API_NEEDS_FIELD ? buf_text(&fields) : "",
            .description = comment});
    buf_clear(&fields);
    buf_addf(&fields, "sequence %s", route->answer ? route->answer : "");
    json_key(w, name_of(&name, "answer", type));
    schema_write_variant(w,
                         &(struct schema_variant){
                             .message = &perigee__aurora__answer__descriptor,
                             .fields = route->answer ? buf_text(&fields) : NULL,
                             .required = "sequence "});
    buf_release(&name);
    buf_release(&fields);
}

static void put_calls(struct json_writer *w)
{
    uint32_t count;
    const struct api_route *route = api_routes(&count);

    for (uint32_t i = 0; i < count; i++)
        if (!(route[i].flags & API_STREAMS))
            put_call(w, &route[i]);
    json_key(w, "call.SUBSCRIBE");
    schema_write_variant(w, &(struct schema_variant){
                                .message = &perigee__aurora__call__descriptor,
                                .type = "SUBSCRIBE",
                                .fields = "subscribe ",
                                .required = ""});
    json_key(w, "refusal");
    schema_write_variant(
        w, &(struct schema_variant){
               .message = &perigee__aurora__answer__descriptor,
               .fields = "error ",
               .required = "error ",
               .description = "Every answer whose status is 400 or more."});
    json_key(w, "call");
    json_begin_object(w);
    json_key(w, "oneOf");
    json_begin_array(w);
    for (uint32_t i = 0; i < count; i++)
        put_reference(w, "call", call_name(route[i].type));
    json_end_array(w);
    json_end_object(w);
}

/* --- events --- */

static void put_events(struct json_writer *w)
{
    const ProtobufCEnumDescriptor *type =
        &perigee__aurora__event__type__descriptor;
    struct buf name = {0};

    for (unsigned i = 0; i < type->n_values; i++) {
        if (type->values[i].value == 0)
            continue;
        json_key(w, name_of(&name, "event", type->values[i].name));
        schema_write_variant(w,
                             &(struct schema_variant){
                                 .message = &perigee__aurora__event__descriptor,
                                 .type = type->values[i].name,
                                 .fields = event_fields(type->values[i].value),
                                 .required = ""});
    }
    json_key(w, "event");
    json_begin_object(w);
    json_put_string(w, "description",
                    "A record of a stream that SUBSCRIBE opened.");
    json_key(w, "oneOf");
    json_begin_array(w);
    for (unsigned i = 0; i < type->n_values; i++)
        if (type->values[i].value != 0)
            put_reference(w, "event", type->values[i].name);
    json_end_array(w);
    json_end_object(w);
    buf_release(&name);
}

/* --- the whole --- */

/* For programs that make clients: which schema belongs to which call. */
static void put_index(struct json_writer *w)
{
    uint32_t count;
    const struct api_route *route = api_routes(&count);

    json_key(w, "x-calls");
    json_begin_object(w);
    for (uint32_t i = 0; i < count; i++) {
        const char *type = call_name(route[i].type);
        bool streams = route[i].flags & API_STREAMS;
        json_key(w, type);
        json_begin_object(w);
        json_key(w, "call");
        put_reference(w, "call", type);
        json_key(w, streams ? "events" : "answer");
        put_reference(w, streams ? "event" : "answer", streams ? "" : type);
        json_put_bool(w, "changes", route[i].flags & API_CHANGES);
        json_end_object(w);
    }
    json_end_object(w);
}

static void write_schema(struct buf *out)
{
    static const ProtobufCMessageDescriptor *const root[] = {
        &perigee__aurora__call__descriptor,
        &perigee__aurora__answer__descriptor,
        &perigee__aurora__event__descriptor,
    };
    struct json_writer w;

    json_init(&w, out, 1);
    json_begin_object(&w);
    json_put_string(&w, "$schema",
                    "https://json-schema.org/draft/2020-12/schema");
    json_put_string(&w, "title", "The API of perigee-aurora");
    json_put_string(&w, "$comment",
                    "POST /api/v1 takes a #/$defs/call.TYPE and answers with "
                    "the #/$defs/answer.TYPE or a #/$defs/refusal. "
                    "Release " PERIGEE_VERSION);
    json_put_string(&w, "$ref", "#/$defs/call");
    put_index(&w);
    json_key(&w, "$defs");
    json_begin_object(&w);
    put_calls(&w);
    put_events(&w);
    schema_write_definitions(&w, root, sizeof root / sizeof *root);
    json_end_object(&w);
    json_end_object(&w);
    buf_add_char(out, '\n');
}

struct bytes schema_text(struct aurora_program *p)
{
    if (p->schema.size == 0)
        write_schema(&p->schema);
    return buf_bytes(&p->schema);
}

void schema_release(struct aurora_program *p)
{
    buf_release(&p->schema);
}
