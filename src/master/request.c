#include "master/layer.h"
#include <stdio.h>

void request_refuse(struct request *r, int status, const char *format, ...)
{
    va_list args;
    struct buf text = {0};
    va_start(args, format);
    buf_addfv(&text, format, args);
    va_end(args);
    effect_reply_text(r->fx, r->exchange, status, "%s", buf_text(&text));
    buf_release(&text);
}

void request_accepted(struct request *r)
{
    effect_reply(r->fx, r->exchange, 202, MEDIA_NONE, bytes_of(NULL, 0));
}

void request_done(struct request *r)
{
    effect_reply(r->fx, r->exchange, 200, MEDIA_NONE, bytes_of(NULL, 0));
}

void request_refuse_method(struct request *r, const char *allowed)
{
    struct http_header allow = {"Allow", allowed};
    char text[128];
    snprintf(text, sizeof text,
             "405 Method Not Allowed. Expecting one of { '%s' }, but "
             "received '%.32s'.",
             strcmp(allowed, "GET, POST") == 0 ? "GET', 'POST" : allowed,
             r->http->method_name);
    struct http_response response = {
        .status = 405,
        .type = MEDIA_TEXT,
        .header = &allow,
        .header_count = 1,
        .body = bytes_of_text(text),
    };
    effect_reply_full(r->fx, r->exchange, &response);
}

bool request_check_head(struct request *r)
{
    if (r->http->method != HTTP_POST) {
        request_refuse_method(r, "POST");
        return false;
    }
    const char *content = http_header(r->http, "Content-Type");
    if (!content) {
        request_refuse(r, 400, "Expecting 'Content-Type' to be present");
        return false;
    }
    r->content = media_type_exact(content);
    if (r->content != MEDIA_JSON && r->content != MEDIA_PROTOBUF) {
        request_refuse(r, 415,
                       "Expecting 'Content-Type' of application/json or "
                       "application/x-protobuf");
        return false;
    }
    return true;
}

void *request_decode(struct request *r, const ProtobufCMessageDescriptor *type,
                     const char *what)
{
    struct err err = {0};
    ProtobufCMessage *message;
    if (codec_decode(type, what, r->content, r->http->body, &r->p->arena,
                     &message, &err) < 0) {
        request_refuse(r, 400, "%s", err.text);
        return NULL;
    }
    return message;
}

bool request_check_accept(struct request *r)
{
    r->accept = media_type_accepted(http_header(r->http, "Accept"));
    if (r->accept == MEDIA_JSON || r->accept == MEDIA_PROTOBUF)
        return true;
    request_refuse(r, 406,
                   "Expecting 'Accept' to allow 'application/x-protobuf' or "
                   "'application/json'");
    return false;
}
