#include "sys/reread.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/stat.h>

static void mark_file(const char *path, struct file_mark *out)
{
    struct stat st;

    *out = (struct file_mark){0};
    if (path && stat(path, &st) == 0)
        *out = (struct file_mark){st.st_mtim, (uint64_t)st.st_ino,
                                  (uint64_t)st.st_size};
}

static bool mark_differs(const struct file_mark *a, const struct file_mark *b)
{
    return a->changed.tv_sec != b->changed.tv_sec ||
           a->changed.tv_nsec != b->changed.tv_nsec || a->inode != b->inode ||
           a->size != b->size;
}

static void mark_all(struct reread *r)
{
    for (int i = 0; i < REREAD_FILES_MAX; i++)
        mark_file(r->file[i], &r->mark[i]);
}

void reread_init(struct reread *r, const char *const file[REREAD_FILES_MAX],
                 void (*begin)(void *context), void *context)
{
    *r = (struct reread){.begin = begin, .context = context};
    for (int i = 0; i < REREAD_FILES_MAX; i++)
        r->file[i] = file[i];
    mark_all(r);
}

static void begin(struct reread *r)
{
    r->is_wanted = r->is_reading;
    if (r->is_reading)
        return;
    r->is_reading = true;
    mark_all(r);
    r->begin(r->context);
}

void reread_done(struct reread *r)
{
    r->is_reading = false;
    if (r->is_wanted)
        begin(r);
}

static void on_hangup(evutil_socket_t signo, short what, void *arg)
{
    (void)signo;
    (void)what;
    begin(arg);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct reread *r = arg;
    bool differs = false;

    (void)fd;
    (void)what;
    for (int i = 0; i < REREAD_FILES_MAX; i++) {
        struct file_mark now;
        mark_file(r->file[i], &now);
        differs |= mark_differs(&now, &r->mark[i]);
    }
    if (differs)
        begin(r);
}

int reread_watch(struct reread *r, struct event_base *base, struct err *err)
{
    const struct timeval look = {.tv_sec = REREAD_LOOK_SECONDS};

    r->on_hangup = evsignal_new(base, SIGHUP, on_hangup, r);
    r->on_look = event_new(base, -1, EV_PERSIST, on_look, r);
    if (!r->on_hangup || !r->on_look || event_add(r->on_hangup, NULL) < 0 ||
        event_add(r->on_look, &look) < 0)
        return err_set(err, ERR_INTERNAL, "no event to be had for files");
    return 0;
}

void reread_close(struct reread *r)
{
    if (r->on_hangup)
        event_free(r->on_hangup);
    if (r->on_look)
        event_free(r->on_look);
    r->on_hangup = r->on_look = NULL;
}
