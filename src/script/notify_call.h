/* What a function of `Notify` sees and says: an event goes in, a list of
 * requests and mails comes out, which the scheduler sends. Pure: nothing is
 * sent here. */
#pragma once
#include "perigee/script.pb-c.h"
#include "script/evaluation.h"

enum {
    NOTIFY_DELIVERIES_MAX = 16, /* of one call */
    NOTIFY_HEADERS_MAX = 16,    /* of one request */
    NOTIFY_BODY_MAX = 64 << 10, /* of one request or mail */
    NOTIFY_TEXT_MAX = 4096,     /* of a URL, a header, a subject */
    NOTIFY_TYPE_MAX = 200
};

/* lightuserdata perigee.NotifyEvent -> the event, a frozen record. What there
 * is none of is false. */
int notify_push_event(lua_State *L);
/* result, lightuserdata struct arena, lightuserdata perigee.Verdicts ->
 * nothing: its deliveries, in the arena. Raises what is wrong with it. */
int notify_read_result(lua_State *L);
