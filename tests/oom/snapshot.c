#include "snapshot.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

typedef struct section {
    const char *label;
    size_t count;
} section_t;

static void append(snapshot_t *snapshot, const void *bytes, size_t count) {
    if (snapshot->used + count > snapshot->room) {
        const size_t room = 2 * (snapshot->used + count);
        char *grown = check_memory(room, 1);
        if (snapshot->used > 0)
            memcpy(grown, snapshot->bytes, snapshot->used);
        free(snapshot->bytes);
        snapshot->bytes = grown;
        snapshot->room = room;
    }
    if (count > 0)
        memcpy(snapshot->bytes + snapshot->used, bytes, count);
    snapshot->used += count;
}

void snapshot_add(snapshot_t *snapshot, const char *label, const void *bytes, size_t count) {
    const section_t section = {label, count};
    append(snapshot, &section, sizeof section);
    append(snapshot, bytes, count);
}

void snapshot_free(snapshot_t *snapshot) {
    free(snapshot->bytes);
    *snapshot = (snapshot_t){0};
}

const char *snapshot_difference(const snapshot_t *a, const snapshot_t *b) {
    for (size_t at = 0; at < a->used && at < b->used;) {
        section_t left, right;
        memcpy(&left, a->bytes + at, sizeof left);
        memcpy(&right, b->bytes + at, sizeof right);
        at += sizeof left;
        if (left.label != right.label || left.count != right.count ||
            memcmp(a->bytes + at, b->bytes + at, left.count) != 0)
            return left.label;
        at += left.count;
    }
    return a->used == b->used ? NULL : "the number of parts";
}

/* ---- A handle ---- */

static void add_options(snapshot_t *snapshot, const optim_t *opt, int kind, const char *name) {
    optim_description about = {.size = sizeof about};
    CHECK_OK(optim_describe(kind, name, &about));
    for (int group = 0;; ++group)
        for (size_t i = 0; i < about.options; ++i) {
            optim_option option = {.size = sizeof option};
            double value = 0;
            CHECK_OK(optim_describe_option(kind, name, i, &option));
            const optim_status status = optim_get(opt, group, option.name, &value);
            if (status == OPTIM_ERR_ARGUMENT) /* no more groups */
                return;
            snapshot_add(snapshot, option.name, &status, sizeof status);
            snapshot_add(snapshot, option.name, &value, sizeof value);
        }
}

static void add_outputs(snapshot_t *snapshot, const optim_t *opt) {
    double values[256];
    for (int i = 0;; ++i) {
        memset(values, 0, sizeof values);
        const optim_status status = optim_output(opt, i, values);
        snapshot_add(snapshot, "an output", &status, sizeof status);
        if (status != OPTIM_OK)
            return;
        snapshot_add(snapshot, "an output", values, sizeof values);
    }
}

static void add_checkpoint(snapshot_t *snapshot, const optim_t *opt) {
    enum { ROOM = 1 << 16 };
    size_t size = 0;
    char *bytes = check_memory(ROOM, 1);
    const optim_status status = optim_serialize(opt, bytes, ROOM, &size);
    assert_int_not_equal(status, OPTIM_ERR_ARGUMENT); /* the room suffices */
    snapshot_add(snapshot, "whether it can be saved", &status, sizeof status);
    snapshot_add(snapshot, "the checkpoint", bytes, size);
    free(bytes);
}

void snapshot_handle(snapshot_t *snapshot, const optim_t *opt, const char *const *algorithms) {
    const int64_t counters[] = {optim_steps(opt), optim_skipped(opt), (int64_t)optim_recorded(opt),
                                optim_wants_gradient(opt)};
    optim_request request = {.size = sizeof request};
    size_t memory[2] = {0, 0};
    snapshot_add(snapshot, "a counter", counters, sizeof counters);
    if (opt == NULL)
        return;
    (void)optim_request_info(opt, &request);
    snapshot_add(snapshot, "the open request", &request.kind, sizeof request - offsetof(optim_request, kind));
    const optim_status status = optim_memory(opt, &memory[0], &memory[1]);
    snapshot_add(snapshot, "whether memory can be measured", &status, sizeof status);
    snapshot_add(snapshot, "the size of the memory", memory, sizeof memory);
    add_options(snapshot, opt, OPTIM_ENGINE, "engine");
    for (; *algorithms != NULL; ++algorithms)
        add_options(snapshot, opt, OPTIM_ALGORITHM, *algorithms);
    add_outputs(snapshot, opt);
    add_checkpoint(snapshot, opt);
}

/* ---- A file ---- */

void snapshot_server(snapshot_t *snapshot, const optim_server_t *server) {
    size_t size = 0;
    snapshot_add(snapshot, "whether there is a server", &(bool){server != NULL}, sizeof(bool));
    if (server == NULL)
        return;
    CHECK_OK(optim_server_serialize(server, NULL, 0, &size));
    char *bytes = check_memory(size, 1);
    CHECK_OK(optim_server_serialize(server, bytes, size, &size));
    snapshot_add(snapshot, "a server", bytes, size);
    free(bytes);
}

void snapshot_file(snapshot_t *snapshot, const char *path) {
    char bytes[512] = "";
    FILE *file = fopen(path, "rb");
    const bool exists = file != NULL;
    snapshot_add(snapshot, "whether there is a file", &exists, sizeof exists);
    for (size_t got = 1; exists && got > 0;) {
        got = fread(bytes, 1, sizeof bytes, file);
        snapshot_add(snapshot, "the file", bytes, got);
    }
    if (exists)
        (void)fclose(file);
    const ssize_t length = readlink(path, bytes, sizeof bytes);
    snapshot_add(snapshot, "whether it is a link", &length, sizeof length);
    snapshot_add(snapshot, "where the link leads", bytes, length < 0 ? 0 : (size_t)length);
}
