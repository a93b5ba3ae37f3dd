#include "base/timezone.h"
#include "base/text.h"
#include <string.h>

bool timezone_is_known(const char *name)
{
    for (const char *const *one = TIMEZONES; *one != NULL; one++)
        if (strcmp(*one, name) == 0)
            return true;
    return false;
}

/* "Paris" means the only zone that ends so. */
static const char *by_city(const char *name)
{
    const char *found = NULL;
    for (const char *const *one = TIMEZONES; *one != NULL; one++) {
        const char *slash = strrchr(*one, '/');
        if (slash == NULL || strcmp(slash + 1, name) != 0)
            continue;
        if (found != NULL)
            return NULL;
        found = *one;
    }
    return found;
}

const char *timezone_nearest(const char *name)
{
    const char *city = by_city(name);
    return city != NULL ? city : text_nearest(name, TIMEZONES);
}
