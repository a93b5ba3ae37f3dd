/* What the files about GETs share. */
#pragma once
#include "aurora/api.h"

enum { REST_PARTS_MAX = 10 };

#define TYPE(name) PERIGEE__AURORA__CALL__TYPE__##name

/* A GET on its way: the parts of its path that the pattern names. */
struct get {
    struct request *r;
    const struct http_request *http;
    const char *part[REST_PARTS_MAX];
    int64_t now_ms;
    struct effects *fx;
};

/* rest_query.c */
/* Answer it as the call that it stands for. */
void rest_perform(struct get *g, Perigee__Aurora__Call__Type type);
/* A parameter of the query, in the arena; NULL without. */
char *rest_parameter(const struct get *g, const char *name);
/* 0 to `most`, or negative: ERR_INVALID about `name`. */
int64_t rest_number(const char *name, const char *text, int64_t most,
                    struct err *err);
/* "limit" and "cursor". */
int rest_page(const struct get *g, protobuf_c_boolean *has_limit,
              uint32_t *limit, char **cursor, struct err *err);
/* 0 or 1; *has stays as it is without. */
int rest_flag(const struct get *g, const char *name, protobuf_c_boolean *has,
              protobuf_c_boolean *out, struct err *err);
/* The part of the path, or the parameter of that name. */
char *rest_part_or(const struct get *g, uint32_t at, const char *name);
/* The job whose role, environment and name the path begins with. */
Perigee__Aurora__JobKey *rest_path_key(const struct get *g);

/* rest_jobs.c: each reads what its path says into the call, and performs it.
 * ERR_INVALID about a parameter. */
int rest_get_jobs(struct get *g, struct err *err);
int rest_get_job(struct get *g, struct err *err);
int rest_get_tasks(struct get *g, struct err *err);
int rest_get_instance(struct get *g, struct err *err);
int rest_get_configs(struct get *g, struct err *err);
int rest_get_why(struct get *g, struct err *err);
int rest_get_task(struct get *g, struct err *err);
int rest_find_tasks(struct get *g, struct err *err);
int rest_get_updates(struct get *g, struct err *err);
int rest_get_update(struct get *g, struct err *err);
int rest_get_groups(struct get *g, struct err *err);
int rest_get_crons(struct get *g, struct err *err);

/* rest_path.c */
/* Does the path have the pattern's parts ("*" is any one)? `part` gets what the
 * stars stand for, in the arena. */
bool rest_path_matches(const char *pattern, const char *path,
                       struct arena *arena, const char *part[REST_PARTS_MAX]);
/* ERR_INVALID when a parameter of the query is not among `known`: names, each
 * followed by a space. */
int rest_check_query(const char *query, const char *known, struct arena *arena,
                     struct err *err);

/* rest_other.c: GETs outside the typed API: /health, /version, /state,
 * /assets/SHA256, and the addresses that lead people elsewhere. Answers; 404
 * when nothing is there. */
void rest_other(struct aurora_program *p, exchange_id exchange,
                const struct http_request *http, struct effects *fx);
