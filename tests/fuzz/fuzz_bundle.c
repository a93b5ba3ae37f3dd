/* A bundle of somebody else is refused or has the identity it claims; a path
 * joined from untrusted parts stays below the root; {{...}} are found inside
 * the text. */
#include "script/bundle.h"
#include "script/template.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bundle(const uint8_t *data, size_t size)
{
    Perigee__Bundle *bundle = perigee__bundle__unpack(NULL, size, data);
    struct err err = {0};
    char hash[65], again[65];
    if (bundle == NULL)
        return;
    if (bundle_check(bundle, &SCRIPT_LIMITS, &err) == 0) {
        for (size_t i = 0; i < bundle->n_files; i++)
            assert(bundle->files[i]->path[0] != '/');
        bundle_hash(bundle, hash);
        for (size_t i = 0; i < bundle->n_files; i++)
            if (bundle->files[i]->asset)
                bundle->files[i]->content.len = 0;
        assert(strcmp(hash, bundle_hash(bundle, again)) == 0);
    } else {
        assert(err.code != ERR_NONE && err.text[0] != '\0');
    }
    perigee__bundle__free_unpacked(bundle, NULL);
}

static void check_path(const char *text)
{
    char path[BUNDLE_PATH_MAX], again[BUNDLE_PATH_MAX];
    if (bundle_path_join("a/b/f.lua", text, path, NULL) < 0)
        return;
    assert(path[0] != '/' && path[0] != '\0' && strlen(path) < sizeof path);
    assert(strstr(path, "//") == NULL);
    assert(strncmp(path, "../", 3) != 0 && strstr(path, "/../") == NULL);
    assert(bundle_path_join("", path, again, NULL) == 0);
    assert(strcmp(path, again) == 0);
}

static void check_template(struct bytes text)
{
    struct buf message = {0}, expected = {0};
    struct template_ref ref;
    size_t left = text.size;
    for (int found;
         (found = template_next(&text, &ref, &message, &expected)) != 0;) {
        assert(text.size < left); /* it goes on */
        left = text.size;
        if (found < 0)
            assert(message.size > 0 && expected.size > 0);
        else
            assert(ref.whole.size > 4);
    }
    buf_release(&message);
    buf_release(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    check_bundle(data, size);
    check_path(text);
    check_template(bytes_of(data, size));
    free(text);
    return 0;
}
