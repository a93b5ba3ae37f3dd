/* What the files about GETs share. */
#pragma once
#include "aurora/api.h"

enum { REST_PARTS_MAX = 10 };

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
