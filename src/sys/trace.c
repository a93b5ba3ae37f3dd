#include "sys/trace.h"
#include "sys/log.h"
#include <stdio.h>

static unsigned long long number(exchange_id exchange)
{
    return (unsigned long long)exchange;
}

void trace_input(const struct input *input)
{
    if (log_level() < LOG_LEVEL_DEBUG)
        return;
    switch (input->kind) {
    case INPUT_REQUEST:
        log_line(LOG_LEVEL_DEBUG,
                 "in_request exchange=%llu method=%s path=%s peer=%s bytes=%zu",
                 number(input->exchange), log_value(input->request.method_name),
                 log_value(input->request.path), input->request.peer,
                 input->request.body.size);
        break;
    case INPUT_GONE:
        log_line(LOG_LEVEL_DEBUG, "in_gone exchange=%llu",
                 number(input->exchange));
        break;
    case INPUT_ANSWER:
        log_line(LOG_LEVEL_DEBUG, "in_answer call=%llu status=%d bytes=%zu",
                 number(input->exchange), input->response.status,
                 input->response.body.size);
        break;
    case INPUT_RECORD:
        log_line(LOG_LEVEL_DEBUG, "in_record call=%llu bytes=%zu",
                 number(input->exchange), input->record.size);
        break;
    case INPUT_BROKEN:
        log_line(LOG_LEVEL_DEBUG, "in_broken call=%llu reason=%s",
                 number(input->exchange), log_value(input->why));
        break;
    case INPUT_FACT:
        log_line(LOG_LEVEL_DEBUG, "in_fact kind=%u", input->fact.kind);
        break;
    }
}

static void trace_persist(const struct effect *effect)
{
    char key[128];

    snprintf(key, sizeof key, "%.*s", (int)effect->persist.key.size,
             (const char *)effect->persist.key.data);
    log_line(LOG_LEVEL_DEBUG, "out_%s table=%s key=%s bytes=%zu",
             effect->bytes.data != NULL ? "persist" : "forget",
             effect->persist.table, log_value(key), effect->bytes.size);
}

void trace_effect(const struct effect *effect)
{
    if (log_level() < LOG_LEVEL_DEBUG)
        return;
    switch (effect->kind) {
    case EFFECT_PERSIST:
        trace_persist(effect);
        break;
    case EFFECT_REPLY:
    case EFFECT_STREAM:
        log_line(LOG_LEVEL_DEBUG, "out_%s exchange=%llu status=%d bytes=%zu",
                 effect->kind == EFFECT_REPLY ? "reply" : "stream",
                 number(effect->exchange), effect->response.status,
                 effect->bytes.size);
        break;
    case EFFECT_RECORD:
        log_line(LOG_LEVEL_DEBUG, "out_record exchange=%llu bytes=%zu",
                 number(effect->exchange), effect->bytes.size);
        break;
    case EFFECT_CLOSE:
        log_line(LOG_LEVEL_DEBUG, "out_close exchange=%llu",
                 number(effect->exchange));
        break;
    case EFFECT_METRICS:
        log_line(LOG_LEVEL_DEBUG, "out_metrics exchange=%llu",
                 number(effect->exchange));
        break;
    case EFFECT_CALL:
    case EFFECT_FOLLOW:
        log_line(LOG_LEVEL_DEBUG, "out_%s call=%llu url=%s bytes=%zu",
                 effect->kind == EFFECT_CALL ? "call" : "follow",
                 number(effect->exchange), log_value(effect->call.url),
                 effect->bytes.size);
        break;
    case EFFECT_HANGUP:
        log_line(LOG_LEVEL_DEBUG, "out_hangup call=%llu",
                 number(effect->exchange));
        break;
    case EFFECT_ACT:
        log_line(LOG_LEVEL_DEBUG, "out_act kind=%u", effect->act.kind);
        break;
    case EFFECT_LOG:
        break; /* speaks for itself */
    case EFFECT_STOP:
        log_line(LOG_LEVEL_DEBUG, "out_stop status=%d", effect->status);
        break;
    }
}
