#include "sys/http_call.h"
#include "sys/address.h"
#include <string.h>

void http_call_write(struct buf *out, const struct http_call *call,
                     const struct url *url)
{
    buf_reserve(out, call->body.size + 512);
    buf_addf(out, "%s %s%s HTTP/1.1\r\n", http_method_name(call->method),
             *url->path == '/' ? "" : "/", url->path);
    buf_addf(out,
             strchr(url->host, ':') ? "Host: [%s]:%d\r\n" : "Host: %s:%d\r\n",
             url->host, url->port);
    for (uint32_t i = 0; i < call->header_count; i++)
        buf_addf(out, "%s: %s\r\n", call->header[i].name,
                 call->header[i].value);
    if (call->body.size || call->method == HTTP_POST ||
        call->method == HTTP_PUT)
        buf_addf(out, "Content-Length: %zu\r\n", call->body.size);
    buf_add_text(out, "\r\n");
    buf_add_bytes(out, call->body);
}

int http_call_check(const struct http_call *call, struct err *err)
{
    if (call->url[strcspn(call->url, " \r\n")] != 0)
        return err_set(err, ERR_INVALID, "url: a space is not allowed");
    for (uint32_t i = 0; i < call->header_count; i++)
        if (strpbrk(call->header[i].value, "\r\n") != NULL)
            return err_set(err, ERR_INVALID,
                           "header %s: a line break is not allowed",
                           call->header[i].name);
    return 0;
}
