/* One request to the observer, taken apart, and the ways to answer it. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "executor/thermos/observer/machine.h"
#include "sys/daemon.h"
#include "wire/http.h"

enum { PAGE_PARTS_MAX = 5, PAGE_TASKS_MAX = 500 };

struct observer {
    struct machine *machine;
    struct daemon *daemon;
    uint64_t requests;
};

struct page {
    struct observer *observer;
    exchange_id exchange;
    const struct http_request *request;
    struct arena arena;
    const char *part[PAGE_PARTS_MAX]; /* between the slashes */
    int part_count;
    const char *rest; /* the path behind the second part, "" when none */
    struct buf body;
};

/* Answers; each may be called once. */
void page_html(struct page *p); /* the body is a page */
void page_json(struct page *p); /* the body is JSON */
void page_static(struct page *p, const char *type, struct bytes content);
/* A refusal, as a page, or as {"error": ...} for what answers JSON. */
void page_refuse(struct page *p, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 416: none of what was asked for is within so many bytes. */
void page_refuse_range(struct page *p, int64_t whole);
/* `size` bytes of the file from `offset`; status 200 or 206. Takes fd. */
void page_file(struct page *p, int fd, int64_t offset, int64_t size,
               int64_t whole, bool is_range);

/* The task of part 1; NULL after a refusal. */
const struct machine_task *page_task(struct page *p);
/* A number of the query within [min, max]; `otherwise` when it is not given,
 * false after a refusal. */
bool page_number(struct page *p, const char *name, int64_t min, int64_t max,
                 int64_t otherwise, int64_t *out);

/* HTML, into the body. Texts are escaped; NULL is "". */
void html_begin(struct page *p, const char *title);
void html_end(struct page *p);
void html_text(struct page *p, const char *text);
void html_bytes(struct page *p, struct bytes text);
/* "/first/second...": each part percent-encoded; parts end with NULL. A part
 * that begins with '/' is a path and keeps its slashes. */
void html_path(struct page *p, ...) __attribute__((sentinel));
/* <a href=path>text</a> */
void html_link(struct page *p, const char *text, ...) __attribute__((sentinel));

/* pages.c */
void pages_index(struct page *p);   /* / and /main/TYPE/OFFSET/NUM */
void pages_task(struct page *p);    /* /task/ID */
void pages_process(struct page *p); /* /process/ID/PROCESS */
/* pages_files.c */
void pages_logs(struct page *p);     /* /logs/ID/PROCESS/RUN/STREAM */
void pages_log_data(struct page *p); /* /logdata/... ?offset= &length= */
void pages_file(struct page *p);     /* /file/ID/PATH */
void pages_file_data(struct page *p);
void pages_browse(struct page *p);   /* /browse/ID/PATH, ?json */
void pages_download(struct page *p); /* /download/ID/PATH, ranges */
/* pages_json.c */
void pages_raw_task(struct page *p); /* /rawtask/ID */
void pages_json(struct page *p);     /* /j/... */
