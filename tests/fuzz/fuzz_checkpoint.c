/*
 * The checkpoint loader. The input is four lines of text and then bytes:
 *
 *     METHOD OPTIONS
 *     WRAPPER OPTIONS          or an empty line
 *     KEY SCHEDULE OPTIONS     or an empty line
 *     letters:  s  the handle that loads has taken steps before      f  from a file
 *               g  a second group, of the second role if there are   d h H  f64, bf16 or f16 parameters
 *               n  what is saved has taken no step                   r  the bytes are the file itself
 *
 * Without r the file is a sound one of such a handle, edited as the bytes say (forge.h). What is refused leaves the handle
 * as it was; what is accepted is the same when it is saved and loaded again, here and elsewhere, and both then take the
 * same steps.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "caller.h"
#include "forge.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

enum { STEPS = 3, LINES = 4 };
enum { METHOD, WRAPPER, SCHEDULE, LETTERS };

static const optim_status OF_LOAD[] = {
    OPTIM_OK,         OPTIM_ERR_FORMAT,   OPTIM_ERR_CHECKPOINT, OPTIM_ERR_NOMEM,     OPTIM_ERR_SIZE,
    OPTIM_ERR_OPTION, OPTIM_ERR_VALUE,    OPTIM_ERR_NAME,       OPTIM_ERR_DUPLICATE, /* of options and schedules in it */
    OPTIM_ERR_SHAPE,  OPTIM_ERR_MISMATCH,                                            /* before the first step */
};

/* ---- Handles ---- */

/* First word and rest of a line. */
static char *cut(char *line) {
    char *space = strchr(line, ' ');
    if (space != NULL)
        *space++ = '\0';
    return space;
}

static char *own_copy(const char *text) {
    char *copy = fuzz_memory(strlen(text) + 1);
    (void)strcpy(copy, text);
    return copy;
}

static bool has(char *const line[LINES], char letter) {
    return strchr(line[LETTERS], letter) != NULL;
}

static bool has_roles(const char *method) {
    optim_description about = {.size = sizeof about};
    return optim_describe(OPTIM_ALGORITHM, method, &about) == OPTIM_OK && *about.roles != '\0';
}

static optim_status set_up(optim_t **opt, char *const line[LINES], int *group) {
    char *method = own_copy(line[METHOD]), *wrapper = own_copy(line[WRAPPER]), *key = own_copy(line[SCHEDULE]);
    char *options = cut(method), *wrapper_options = cut(wrapper), *schedule = cut(key);
    char *schedule_options = schedule == NULL ? NULL : cut(schedule);
    *group = 0;
    optim_status status = optim_create(opt, method, options);
    if (status == OPTIM_OK)
        status = optim_set_threads(*opt, 1);
    if (status == OPTIM_OK && has(line, 'g'))
        status = optim_add_group(*opt, has_roles(method) ? "role=y" : NULL, group);
    if (status == OPTIM_OK && *wrapper != '\0')
        status = optim_wrap(*opt, wrapper, wrapper_options);
    if (status == OPTIM_OK && schedule != NULL)
        status = optim_set_schedule(*opt, -1, key, schedule, schedule_options);
    free(method);
    free(wrapper);
    free(key);
    return status;
}

/* False: these parts do not go together. */
static bool start(caller_t *caller, char *const line[LINES], int steps) {
    optim_t *opt;
    int group;
    *caller = (caller_t){0};
    if (set_up(&opt, line, &group) != OPTIM_OK) {
        optim_destroy(opt);
        return false;
    }
    const optim_dtype dtype = has(line, 'd')   ? OPTIM_F64
                              : has(line, 'h') ? OPTIM_BF16
                              : has(line, 'H') ? OPTIM_F16
                                               : OPTIM_F32;
    char *method = own_copy(line[METHOD]);
    (void)cut(method);
    bool good = caller_start(caller, opt, method, dtype, group) == OPTIM_OK;
    free(method);
    for (int i = 0; i < steps && good; ++i)
        good = caller_step(caller) == OPTIM_OK && optim_report(opt, 1.0 / (1 + i)) == OPTIM_OK;
    if (!good)
        caller_end(caller);
    return good;
}

/* ---- Loading ---- */

static optim_status load_file(optim_t *opt, const uint8_t *bytes, size_t size) {
    char path[64];
    const int file = memfd_create("checkpoint", 0);
    if (file < 0 || write(file, bytes, size) != (ssize_t)size)
        fuzz_fail("no file in memory");
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    const optim_status status = optim_load(opt, path);
    (void)close(file);
    return status;
}

static optim_status load(caller_t *caller, const uint8_t *bytes, size_t size, bool from_file) {
    unsigned char before[CALLER_BYTES], after[CALLER_BYTES];
    saved_t was = saved_make(caller->opt), is;
    caller_read(caller, before);
    const optim_status status =
        from_file ? load_file(caller->opt, bytes, size) : optim_deserialize(caller->opt, bytes, size);
    fuzz_check_status("loading", status, OF_LOAD, sizeof OF_LOAD / sizeof *OF_LOAD);
    is = saved_make(caller->opt);
    if (status != OPTIM_OK && !saved_same(&was, &is))
        fuzz_fail("a checkpoint was refused (%d) and the handle changed:\n%.*s\n%.*s", status, (int)was.size,
                  was.bytes + 8, (int)is.size, is.bytes + 8);
    caller_read(caller, after);
    if (memcmp(before, after, caller_size(caller)) != 0)
        fuzz_fail("loading changed the parameters");
    saved_free(&was);
    saved_free(&is);
    return status;
}

/* Loads into `twin` what `caller` saves, and saves it again. */
static void check_again(const caller_t *caller, caller_t *twin, const char *where) {
    saved_t first = saved_make(caller->opt), second;
    if (first.status != OPTIM_OK)
        fuzz_fail("what was accepted cannot be saved");
    if (load(twin, (const uint8_t *)first.bytes, first.size, false) != OPTIM_OK)
        fuzz_fail("saved after loading, %s does not load it", where);
    second = saved_make(twin->opt);
    if (!saved_same(&first, &second))
        fuzz_fail("saved after loading, loaded and saved by %s: not the same", where);
    saved_free(&first);
    saved_free(&second);
}

static void check_steps(caller_t *caller, caller_t *twin) {
    unsigned char values[CALLER_BYTES], others[CALLER_BYTES];
    caller_read(caller, values);
    caller_write(twin, values);
    for (int i = 0; i < STEPS; ++i) {
        const optim_status one = caller_step(caller), other = caller_step(twin);
        caller_read(caller, values);
        caller_read(twin, others);
        if (one != other || memcmp(values, others, caller_size(caller)) != 0)
            fuzz_fail("step %d after loading: %d and %d, or other values", i + 1, one, other);
        (void)optim_report(caller->opt, 1);
        (void)optim_report(twin->opt, 1);
    }
}

static void check_load(char *const line[LINES], const uint8_t *bytes, size_t size) {
    caller_t caller, twin;
    if (!start(&caller, line, has(line, 's') ? 2 : 0))
        return;
    if (load(&caller, bytes, size, has(line, 'f')) == OPTIM_OK) {
        check_again(&caller, &caller, "the same handle");
        if (!start(&twin, line, 0))
            fuzz_fail("a handle can be made once only");
        check_again(&caller, &twin, "another handle");
        check_steps(&caller, &twin);
        caller_end(&twin);
    }
    caller_end(&caller);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes_t bytes = {data, size};
    char *line[LINES];
    caller_t donor;
    for (int i = 0; i < LINES; ++i) {
        line[i] = bytes_line(&bytes);
        if (line[i] == NULL)
            line[i] = own_copy("");
    }
    if (has(line, 'r')) {
        check_load(line, bytes.at, bytes.left);
    } else if (start(&donor, line, has(line, 'n') ? 0 : STEPS)) {
        saved_t sound = saved_make(donor.opt);
        if (sound.status != OPTIM_OK)
            fuzz_fail("a handle cannot be saved");
        image_t image = forge_make(&sound, &bytes);
        check_load(line, image.bytes, image.size);
        free(image.bytes);
        saved_free(&sound);
        caller_end(&donor);
    }
    for (int i = 0; i < LINES; ++i)
        free(line[i]);
    return 0;
}

#ifdef FUZZ_MUTATES
/* As libFuzzer does it; a file itself gets length and checksum of its header right again, most of the time. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed) {
    size = LLVMFuzzerMutate(data, size, max_size);
    uint8_t *at = data;
    bool raw = false;
    for (int i = 0; i < LINES && at != NULL; ++i) {
        uint8_t *end = memchr(at, '\n', size - (size_t)(at - data));
        raw = end != NULL && memchr(at, 'r', (size_t)(end - at)) != NULL;
        at = end == NULL ? NULL : end + 1;
    }
    if (raw && at != NULL && seed % 8 != 0)
        forge_repair(at, size - (size_t)(at - data));
    return size;
}
#endif
