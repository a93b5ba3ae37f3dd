/* The small plain endpoints. */
#include "master/layer.h"
#include "base/version.h"

static void reply_json(struct request *r)
{
    effect_reply(r->fx, r->exchange, 200, MEDIA_JSON, buf_bytes(&r->p->buf));
}

void health_get(struct request *r)
{
    effect_reply(r->fx, r->exchange, 200, MEDIA_NONE, bytes_of(NULL, 0));
}

static void metrics_at(struct request *r, const char *path)
{
    if (r->http->method == HTTP_GET)
        effect_metrics(r->fx, r->exchange, path);
    else
        request_refuse_method(r, "GET");
}

void metrics_get(struct request *r)
{
    metrics_at(r, "/metrics");
}

void metrics_snapshot_get(struct request *r)
{
    metrics_at(r, "/metrics/snapshot");
}

void version_get(struct request *r)
{
    struct json_writer w;
    buf_clear(&r->p->buf);
    json_init(&w, &r->p->buf, 0);
    json_begin_object(&w);
    json_put_string(&w, "version", MASTER_API_VERSION);
    json_put_string(&w, "perigee_version", PERIGEE_VERSION);
    json_end_object(&w);
    reply_json(r);
}

void redirect_get(struct request *r)
{
    struct http_header location = {
        "Location",
        arena_printf(&r->p->arena, "//%s:%d", r->p->hostname, r->p->port)};
    struct http_response response = {
        .status = 307, .header = &location, .header_count = 1};
    effect_reply_full(r->fx, r->exchange, &response);
}

void flags_write(const struct master_program *p, struct json_writer *w)
{
    json_begin_object(w);
    for (uint32_t i = 0; i < p->flags.count; i++)
        json_put_string(w, p->flags.item[i].name, p->flags.item[i].value);
    json_end_object(w);
}

void flags_get(struct request *r)
{
    struct json_writer w;
    buf_clear(&r->p->buf);
    json_init(&w, &r->p->buf, 0);
    json_begin_object(&w);
    json_key(&w, "flags");
    flags_write(r->p, &w);
    json_end_object(&w);
    reply_json(r);
}
