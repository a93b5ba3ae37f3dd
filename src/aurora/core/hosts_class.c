#include "aurora/core/hosts_class.h"
#include "aurora/core/hosts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { EMPTY_SLOTS_MIN = 64 }; /* before slots are given anew */

/* --- names --- */

static struct host_name *find_name(const struct host_classes *classes,
                                   const char *text)
{
    struct host_name *name;

    HASH_FIND_STR(classes->names, text, name);
    return name;
}

static uint64_t name_use(struct host_classes *classes, const char *text)
{
    struct host_name *name = find_name(classes, text);

    if (!name) {
        name = xcalloc(1, sizeof *name);
        name->number = ++classes->next_number;
        name->text = xstrdup(text);
        HASH_ADD_KEYPTR(hh, classes->names, name->text, strlen(name->text),
                        name);
    }
    name->refs++;
    return name->number;
}

static void name_unuse(struct host_classes *classes, const char *text)
{
    struct host_name *name = find_name(classes, text);

    assert(name);
    if (--name->refs > 0)
        return;
    HASH_DEL(classes->names, name);
    free(name->text);
    free(name);
}

uint64_t host_name_find(const struct host_classes *classes, const char *text)
{
    const struct host_name *name = find_name(classes, text);

    return name ? name->number : 0;
}

/* --- classes --- */

/* Names and values are length-prefixed, so no two lists share a text. */
static void class_text(const struct attributes *attributes, struct buf *out)
{
    for (uint32_t i = 0; i < attributes->count; i++) {
        const struct attribute *a = &attributes->item[i];
        if (strcmp(a->name, "host") == 0)
            continue;
        buf_addf(out, "%zu:%s=%zu:%s;", strlen(a->name), a->name,
                 strlen(a->text), a->text);
    }
}

static void name_pairs(struct host_classes *classes, struct host_class *class)
{
    class->pair_count = class->attributes.count;
    for (uint32_t i = 0; i < class->pair_count; i++) {
        const struct attribute *a = &class->attributes.item[i];
        class->pair[i].name = name_use(classes, a->name);
        class->pair[i].value = name_use(classes, a->text);
        if (strcmp(a->name, "dedicated") == 0)
            class->is_dedicated = true;
    }
}

static struct host_class *class_new(struct host_classes *classes,
                                    const struct attributes *attributes,
                                    const struct buf *text)
{
    struct host_class *class =
        xcalloc(1, sizeof *class + attributes->count * sizeof class->pair[0]);

    class->number = ++classes->next_number;
    class->text = xstrndup(buf_text(text), text->size);
    for (uint32_t i = 0; i < attributes->count; i++)
        if (strcmp(attributes->item[i].name, "host") != 0)
            attributes_add_text(&class->attributes, attributes->item[i].name,
                                attributes->item[i].text);
    name_pairs(classes, class);
    class->slot = classes->by_slot.count;
    *vec_add(&classes->by_slot) = class;
    HASH_ADD_KEYPTR(hh, classes->by_text, class->text, text->size, class);
    return class;
}

/* Close the gaps when most slots are empty; who remembers slots sees the next
 * epoch. */
static void renumber(struct host_classes *classes)
{
    uint32_t live = HASH_COUNT(classes->by_text), n = 0;

    if (classes->by_slot.count <= 2 * live + EMPTY_SLOTS_MIN)
        return;
    classes->epoch++;
    for (uint32_t i = 0; i < classes->by_slot.count; i++) {
        struct host_class *class = classes->by_slot.item[i];
        if (!class)
            continue;
        class->slot = n;
        for (struct host *h = class->first; h; h = h->class_next)
            h->class_slot = n;
        classes->by_slot.item[n++] = class;
    }
    classes->by_slot.count = n;
}

static void class_free(struct host_classes *classes, struct host_class *class)
{
    for (uint32_t i = 0; i < class->attributes.count; i++) {
        name_unuse(classes, class->attributes.item[i].name);
        name_unuse(classes, class->attributes.item[i].text);
    }
    classes->by_slot.item[class->slot] = NULL;
    HASH_DEL(classes->by_text, class);
    attributes_release(&class->attributes);
    free(class->text);
    free(class);
    renumber(classes);
}

void host_class_leave(struct host_classes *classes, struct host *host)
{
    struct host_class *class = host->class;

    if (!class)
        return;
    name_unuse(classes, host_value(host, "host"));
    host->class = NULL;
    if (host->class_prev)
        host->class_prev->class_next = host->class_next;
    else
        class->first = host->class_next;
    if (host->class_next)
        host->class_next->class_prev = host->class_prev;
    if (--class->hosts == 0)
        class_free(classes, class);
}

void host_class_enter(struct host_classes *classes, struct host *host)
{
    struct buf text = {0};
    struct host_class *class;

    assert(!host->class);
    class_text(&host->attributes, &text);
    HASH_FIND(hh, classes->by_text, buf_text(&text), text.size, class);
    if (!class)
        class = class_new(classes, &host->attributes, &text);
    buf_release(&text);
    host->name = name_use(classes, host_value(host, "host"));
    host->class = class;
    host->class_slot = class->slot;
    host->is_dedicated = class->is_dedicated;
    host->class_prev = NULL;
    host->class_next = class->first;
    if (class->first)
        class->first->class_prev = host;
    class->first = host;
    class->hosts++;
}

uint64_t host_class_value(const struct host_class *class, uint64_t name)
{
    for (uint32_t i = 0; i < class->pair_count; i++)
        if (class->pair[i].name == name)
            return class->pair[i].value;
    return 0;
}

void host_classes_release(struct host_classes *classes)
{
    assert(!classes->by_text && !classes->names);
    vec_free(&classes->by_slot);
}
