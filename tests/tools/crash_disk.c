#include "tests/tools/crash_disk.h"

#include <stdio.h>
#include <string.h>

struct buf *crash_disk_file(struct crash_disk *disk, uint64_t inode)
{
    for (uint32_t i = 0; i < disk->files.count; i++)
        if (disk->files.item[i].inode == inode)
            return &disk->files.item[i].durable;
    struct crash_file *file = vec_add(&disk->files);
    *file = (struct crash_file){.inode = inode};
    return &file->durable;
}

void crash_put(struct buf *to, uint64_t offset, struct bytes data)
{
    size_t end = offset + data.size;

    if (end > to->size) {
        buf_reserve(to, end - to->size);
        memset(to->data + to->size, 0, end - to->size);
        to->size = end;
    }
    memcpy(to->data + offset, data.data, data.size);
}

void crash_disk_name(struct crash_disk *disk, const char *name, uint64_t inode)
{
    for (uint32_t i = 0; i < disk->names.count; i++)
        if (strcmp(disk->names.item[i].name, name) == 0) {
            disk->names.item[i].inode = inode;
            return;
        }
    struct crash_name *entry = vec_add(&disk->names);
    (void)snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->inode = inode;
}

static uint64_t take_name(struct crash_disk *disk, const char *name)
{
    for (uint32_t i = 0; i < disk->names.count; i++)
        if (strcmp(disk->names.item[i].name, name) == 0) {
            uint64_t inode = disk->names.item[i].inode;
            vec_remove(&disk->names, i);
            return inode;
        }
    return 0;
}

void crash_disk_move(struct crash_disk *disk, const struct crash_event *event)
{
    if (event->kind == CRASH_CREATE)
        crash_disk_name(disk, event->name, event->file);
    else if (event->kind == CRASH_UNLINK)
        (void)take_name(disk, event->name);
    else
        crash_disk_name(disk, event->to, take_name(disk, event->name));
}

/* What a file's sync makes durable. */
void crash_disk_sync(struct crash_disk *disk, uint64_t inode)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < disk->units.count; i++)
        if (disk->units.item[i].file == inode)
            crash_put(crash_disk_file(disk, inode), disk->units.item[i].offset,
                      disk->units.item[i].data);
        else
            disk->units.item[left++] = disk->units.item[i];
    disk->units.count = left;
}

void crash_disk_write(struct crash_disk *disk, const struct crash_event *event)
{
    struct bytes rest = event->data;
    uint64_t at = event->offset;
    size_t page = rest.size > 8 * CRASH_PAGE ? rest.size / 8 : CRASH_PAGE;

    while (rest.size > 0) {
        size_t size = page - at % page;
        if (size > rest.size)
            size = rest.size;
        *vec_add(&disk->units) =
            (struct crash_unit){event->file, at, bytes_of(rest.data, size)};
        rest = bytes_of(rest.data + size, rest.size - size);
        at += size;
    }
}
