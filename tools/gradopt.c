/*
 * gradopt: a look at checkpoints and at the registry from the command line.
 *
 *     gradopt inspect FILE     what a checkpoint holds, every array's checksum verified; exit status 1 if it is damaged
 *     gradopt list             algorithms, wrappers, schedules
 *     gradopt describe NAME    what one of them (or "engine") is, its options and its state
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/safetensors.h"
#include "optim/optim.h"

static const char USAGE[] = "usage: gradopt inspect FILE\n"
                            "       gradopt list\n"
                            "       gradopt describe NAME\n";

enum { SOUND = 0, DAMAGED = 1, MISUSED = 2 };

/* ---- inspect ---- */

static const char *string_of(const json_t *json) {
    const char *text = json_string_value(json);
    return text == NULL ? "?" : text;
}

static const char *text_of(const json_t *object, const char *key) {
    return string_of(json_object_get(object, key));
}

static void print_shape(const json_t *shape) {
    printf("[");
    for (size_t i = 0; i < json_array_size(shape); ++i)
        printf("%s%" JSON_INTEGER_FORMAT, i == 0 ? "" : ", ", json_integer_value(json_array_get(shape, i)));
    printf("]");
}

static void print_pairs(const json_t *options) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)options, key, value) {
        printf(" %s=%s", key, json_is_string(value) ? json_string_value(value) : "");
        for (size_t i = 0; i < json_array_size(value); ++i)
            printf("%s%s", i == 0 ? "" : ";", string_of(json_array_get(value, i)));
    }
}

static void print_layer(const json_t *layer) {
    const char *group;
    json_t *value;
    printf("%s:", text_of(layer, "name"));
    print_pairs(json_object_get(layer, "numbers"));
    printf("\n");
    json_object_foreach(json_object_get(layer, "groups"), group, value) {
        printf("  group %s:", group);
        print_pairs(json_object_get(value, "options"));
        print_pairs(json_object_get(value, "numbers"));
        printf("\n");
    }
}

static void print_record(const json_t *record) {
    size_t i;
    const json_t *each;
    printf("written by libgradopt %s after %" JSON_INTEGER_FORMAT " steps (%" JSON_INTEGER_FORMAT " passed over)\n\n",
           text_of(record, "library"), json_integer_value(json_object_get(record, "steps")),
           json_integer_value(json_object_get(record, "skipped")));
    json_array_foreach(json_object_get(record, "layers"), i, each) {
        print_layer(each);
    }
    json_array_foreach(json_object_get(record, "schedules"), i, each) {
        printf("schedule of %s in group %" JSON_INTEGER_FORMAT ": %s(%s)\n", text_of(each, "option"),
               json_integer_value(json_object_get(each, "group")), text_of(each, "name"), text_of(each, "options"));
    }
    printf("\n");
}

/* Whether the array's bytes have the checksum that the record says. */
static bool verify(source_t *source, const safetensors_entry_t *entry, const char *wanted) {
    enum { PIECE = 1 << 16 };
    static char piece[PIECE];
    char found[CHECKSUM_TEXT];
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state);
    for (size_t done = 0; done < entry->bytes; done += PIECE) {
        const size_t left = entry->bytes - done, count = left < PIECE ? left : PIECE;
        if (source->read(source, entry->begin + done, piece, count) != OPTIM_OK)
            return false;
        (void)XXH3_64bits_update(&state, piece, count);
    }
    checksum_text(XXH3_64bits_digest(&state), found);
    return wanted != NULL && strcmp(found, wanted) == 0;
}

static int print_arrays(const safetensors_t *file, source_t *source, const json_t *record) {
    int status = SOUND;
    size_t bytes = 0;
    for (size_t i = 0; i < file->count; ++i) {
        const safetensors_entry_t *entry = &file->entries[i];
        const bool sound =
            verify(source, entry, json_string_value(json_object_get(json_object_get(record, "sums"), entry->name)));
        printf("%-40s %-5s ", entry->name, entry->dtype);
        print_shape(entry->shape);
        printf("%s\n", sound ? "" : "  DAMAGED: its checksum is wrong");
        status = sound ? status : DAMAGED;
        bytes += entry->bytes;
    }
    printf("%zu arrays, %zu bytes\n", file->count, bytes);
    return status;
}

static int inspect(const char *path) {
    file_source_t source;
    safetensors_t file;
    if (file_open(&source, path) != OPTIM_OK) {
        fprintf(stderr, "%s\n", optim_error());
        return DAMAGED;
    }
    int status = DAMAGED;
    if (safetensors_read(&file, &source.source) != OPTIM_OK)
        fprintf(stderr, "%s\n", optim_error());
    else {
        json_t *record = file.text == NULL ? NULL : json_loads(file.text, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(record))
            fprintf(stderr, "%s was not written by libgradopt\n", path);
        else {
            print_record(record);
            status = print_arrays(&file, &source.source, record);
            if (!file.is_whole)
                status = DAMAGED;
            printf("%s\n", !file.is_whole    ? "DAMAGED: the checksum of the header is wrong"
                           : status == SOUND ? "sound: every checksum is right"
                                             : "DAMAGED");
        }
        json_decref(record);
        safetensors_free(&file);
    }
    file_close(&source);
    return status;
}

/* ---- list, describe ---- */

static void list(const char *title, int kind, size_t count, const char *(*name)(size_t)) {
    printf("%s:\n", title);
    for (size_t i = 0; i < count; ++i) {
        optim_description about = {.size = sizeof about};
        if (optim_describe(kind, name(i), &about) == OPTIM_OK)
            printf("  %-24s %s\n", name(i), about.purpose);
    }
}

static int list_all(void) {
    list("algorithms", OPTIM_ALGORITHM, optim_algorithm_count(), optim_algorithm_name);
    list("wrappers", OPTIM_WRAPPER, optim_wrapper_count(), optim_wrapper_name);
    list("schedules", OPTIM_SCHEDULE, optim_schedule_count(), optim_schedule_name);
    return SOUND;
}

static void print_description(int kind, const optim_description *about) {
    printf("%s: %s\n", about->name, about->purpose);
    if (about->citation[0] != '\0')
        printf("%s\n", about->citation);
    for (size_t i = 0; i < about->options; ++i) {
        optim_option option = {.size = sizeof option};
        if (optim_describe_option(kind, about->name, i, &option) == OPTIM_OK)
            printf("  %-20s %-24s default %-8g %s\n", option.name, option.range, option.default_value, option.meaning);
    }
    for (size_t i = 0; i < about->states; ++i) {
        optim_state_info state = {.size = sizeof state};
        if (optim_describe_state(kind, about->name, i, &state) == OPTIM_OK)
            printf("  state %-14s by %-21s %s\n", state.name, state.shape, state.meaning);
    }
}

static int describe(const char *name) {
    static const int KINDS[] = {OPTIM_ALGORITHM, OPTIM_WRAPPER, OPTIM_SCHEDULE, OPTIM_ENGINE};
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; ++i) {
        optim_description about = {.size = sizeof about};
        if (optim_describe(KINDS[i], name, &about) == OPTIM_OK) {
            print_description(KINDS[i], &about);
            return SOUND;
        }
    }
    fprintf(stderr, "nothing is called \"%s\": see gradopt list\n", name);
    return MISUSED;
}

int main(int count, char **argument) {
    if (count == 3 && strcmp(argument[1], "inspect") == 0)
        return inspect(argument[2]);
    if (count == 3 && strcmp(argument[1], "describe") == 0)
        return describe(argument[2]);
    if (count == 2 && strcmp(argument[1], "list") == 0)
        return list_all();
    if (count == 2 && (strcmp(argument[1], "--help") == 0 || strcmp(argument[1], "help") == 0)) {
        printf("%s", USAGE);
        return SOUND;
    }
    fprintf(stderr, "%s", USAGE);
    return MISUSED;
}
