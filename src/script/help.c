#include "script/help.h"
#include "base/text.h"
#include <assert.h>
#include <string.h>
#include <strings.h>

enum { PAGES_MAX = 256 };

const char *help_page(const char *name)
{
    for (const struct help_page *page = HELP; page->name != NULL; page++)
        if (strcmp(page->name, name) == 0)
            return page->text;
    return NULL;
}

const char *help_nearest(const char *name)
{
    const char *names[PAGES_MAX + 1];
    size_t count = 0;
    for (const struct help_page *page = HELP; page->name != NULL; page++) {
        if (strcasecmp(page->name, name) == 0)
            return page->name;
        assert(count < PAGES_MAX);
        names[count++] = page->name;
    }
    names[count] = NULL;
    return text_nearest(name, names);
}
