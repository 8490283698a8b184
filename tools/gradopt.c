/*
 * gradopt: a look at checkpoints and at the registry from the command line; its USAGE says how, tools/gradopt.1 is its
 * manual page.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/record.h"
#include "io/safetensors.h"
#include "optim/optim.h"

static const char USAGE[] = "usage: gradopt inspect FILE     what a checkpoint holds; verifies every checksum\n"
                            "       gradopt list             all algorithms, wrappers and schedules\n"
                            "       gradopt describe NAME    one of them, or \"engine\": its options and states\n"
                            "       gradopt --help, --version\n"
                            "\n"
                            "exit status: 0  done; what was inspected is sound\n"
                            "             1  inspect: damaged, not a checkpoint, of a newer format, or not to be read\n"
                            "             2  not called as above, or nothing is called NAME\n";

enum { SOUND = 0, DAMAGED = 1, MISUSED = 2 };

/* ---- inspect ---- */

/* Names may hold anything; a terminal shall not act on it. */
static void print_text(const char *text) {
    for (; *text != '\0'; ++text)
        if ((unsigned char)*text < 0x20 || *text == 0x7F || *text == '\\')
            printf("\\x%02x", (unsigned)(unsigned char)*text);
        else
            putchar(*text);
}

static const char *string_of(const jsontree_t *json) {
    const char *text = jsontree_text(json);
    return text == NULL ? "?" : text;
}

static const char *text_of(const jsontree_t *object, const char *key) {
    return string_of(jsontree_get(object, key));
}

static int64_t count_of(const jsontree_t *object, const char *key) {
    return jsontree_integer(jsontree_get(object, key));
}

static void print_shape(const jsontree_t *shape) {
    printf("[");
    for (size_t i = 0; i < jsontree_items(shape); ++i)
        printf("%s%" PRId64, i == 0 ? "" : ", ", jsontree_integer(jsontree_at(shape, i)));
    printf("]");
}

/* The numbers of a list, or one text. */
static void print_value(const jsontree_t *value) {
    if (jsontree_is(value, JSONTREE_TEXT))
        print_text(jsontree_text(value));
    for (size_t i = 0; i < jsontree_items(value); ++i) {
        printf("%s", i == 0 ? "" : ";");
        print_text(string_of(jsontree_at(value, i)));
    }
}

/* Whether an option of the engine stands as it does when nobody sets it. */
static bool is_default(const char *key, const jsontree_t *value) {
    optim_option option = {.size = sizeof option};
    for (size_t i = 0; optim_describe_option(OPTIM_ENGINE, "engine", i, &option) == OPTIM_OK; ++i) {
        char text[64];
        if (strcmp(option.name, key) != 0)
            continue;
        const char *word = strchr(option.range, '|') == NULL ? NULL : option.range;
        for (int skip = (int)option.default_value; word != NULL && skip > 0; --skip)
            word = strchr(word, '|') + 1;
        if (word == NULL)
            (void)snprintf(text, sizeof text, "%g", option.default_value);
        else
            (void)snprintf(text, sizeof text, "%.*s", (int)strcspn(word, "|"), word);
        return strcmp(text, string_of(value)) == 0;
    }
    return false;
}

/* " key=value ..."; of the engine's options only those that somebody has set. */
static void print_pairs(const char *title, const jsontree_t *pairs, bool engine) {
    bool begun = false;
    for (size_t i = 0; i < jsontree_members(pairs); ++i) {
        const jsontree_t *value = &pairs->is.items[i];
        if (engine && is_default(value->key, value))
            continue;
        printf("%s", begun ? " " : title);
        begun = true;
        print_text(value->key);
        printf("=");
        print_value(value);
    }
    if (begun)
        printf("\n");
}

static void print_layer(const jsontree_t *layer) {
    const jsontree_t *groups = jsontree_get(layer, "groups");
    char title[160];
    const bool engine = strcmp(text_of(layer, "name"), "engine") == 0;
    (void)snprintf(title, sizeof title, "%.64s: ", text_of(layer, "name"));
    print_pairs(title, jsontree_get(layer, "numbers"), false);
    for (size_t i = 0; i < jsontree_members(groups); ++i) {
        const jsontree_t *value = &groups->is.items[i];
        (void)snprintf(title, sizeof title, "%.64s, group %.16s: ", text_of(layer, "name"), value->key);
        print_pairs(title, jsontree_get(value, "options"), engine);
        print_pairs(title, jsontree_get(value, "numbers"), false);
    }
}

static void print_schedule(const jsontree_t *schedule) {
    printf("schedule of ");
    print_text(text_of(schedule, "option"));
    printf(" in group %" PRId64 ": ", count_of(schedule, "group"));
    print_text(text_of(schedule, "name"));
    printf("(");
    print_text(text_of(schedule, "options"));
    printf(")");
    if (jsontree_items(jsontree_get(schedule, "state")) > 0) {
        printf(", has learned ");
        print_value(jsontree_get(schedule, "state"));
    }
    printf("\n");
}

static void print_parameters(const jsontree_t *record) {
    const jsontree_t *groups = jsontree_get(record, "groups"), *parameters = jsontree_get(record, "parameters");
    for (size_t i = 0; i < jsontree_members(parameters); ++i) {
        const jsontree_t *value = &parameters->is.items[i];
        printf("parameter ");
        print_text(value->key);
        printf(" ");
        print_text(text_of(value, "dtype"));
        printf(" ");
        print_shape(jsontree_get(value, "shape"));
        printf(" in group %" PRId64 " (", count_of(value, "group"));
        print_text(string_of(jsontree_at(groups, (size_t)count_of(value, "group"))));
        printf(")\n");
    }
}

static void print_record(const jsontree_t *record) {
    const jsontree_t *wrappers = jsontree_get(record, "wrappers"), *layers = jsontree_get(record, "layers"),
                     *schedules = jsontree_get(record, "schedules");
    printf("written by libgradopt %s, format %" PRId64 "\n", text_of(record, "library"), count_of(record, "format"));
    printf("after %" PRId64 " steps, %" PRId64 " skipped, %" PRId64 " random numbers drawn%s\n\n",
           count_of(record, "steps"), count_of(record, "skipped"), count_of(record, "draws"),
           jsontree_is(jsontree_get(record, "planned"), JSONTREE_TRUE) ? "" : "; before there is any state");
    print_parameters(record);
    printf("\nwrappers, from the inside:");
    for (size_t i = 0; i < jsontree_items(wrappers); ++i) {
        printf(" ");
        print_text(string_of(jsontree_at(wrappers, i)));
    }
    printf("%s\n", jsontree_items(wrappers) == 0 ? " none" : "");
    for (size_t i = 0; i < jsontree_items(layers); ++i)
        print_layer(jsontree_at(layers, i));
    for (size_t i = 0; i < jsontree_items(schedules); ++i)
        print_schedule(jsontree_at(schedules, i));
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

static int print_arrays(const safetensors_t *file, source_t *source, const jsontree_t *record) {
    int status = SOUND;
    size_t bytes = 0;
    for (size_t i = 0; i < file->count; ++i) {
        const safetensors_entry_t *entry = &file->entries[i];
        const bool sound =
            verify(source, entry, jsontree_text(jsontree_get(jsontree_get(record, "sums"), entry->name)));
        printf("array ");
        print_text(entry->name);
        printf(" %s ", entry->dtype);
        print_shape(entry->shape);
        printf("%s\n", sound ? "" : "  DAMAGED: its checksum is wrong");
        status = sound ? status : DAMAGED;
        bytes += entry->bytes;
    }
    printf("%zu arrays, %zu bytes\n", file->count, bytes);
    return status;
}

static int refuse(const char *path, const char *why) {
    fprintf(stderr, "%s %s\n", path, why);
    return DAMAGED;
}

static int inspect_record(const char *path, const safetensors_t *file, source_t *source, const jsontree_t *record) {
    if (file->text == NULL)
        return refuse(path, "is a safetensors file, but not a checkpoint of libgradopt");
    if (!file->is_whole)
        return refuse(path, "is DAMAGED: the checksum of its header is wrong");
    if (!jsontree_is(record, JSONTREE_OBJECT))
        return refuse(path, "is not a checkpoint that can be read: its record is malformed");
    if (count_of(record, "format") > RECORD_FORMAT) {
        fprintf(stderr, "%s has format %" PRId64 ", which this gradopt (%s) does not know\n", path,
                count_of(record, "format"), optim_version());
        return DAMAGED;
    }
    print_record(record);
    const int status = print_arrays(file, source, record);
    printf("%s\n", status == SOUND ? "sound: every checksum is right" : "DAMAGED");
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
        bool no_memory = false;
        jsontree_t *record = file.text == NULL ? NULL : jsontree_read(file.text, strlen(file.text), &no_memory);
        status = inspect_record(path, &file, &source.source, record);
        jsontree_free(record);
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
    if (count == 2 &&
        (strcmp(argument[1], "--help") == 0 || strcmp(argument[1], "-h") == 0 || strcmp(argument[1], "help") == 0)) {
        printf("%s", USAGE);
        return SOUND;
    }
    if (count == 2 && strcmp(argument[1], "--version") == 0) {
        printf("gradopt %s\n", optim_version());
        return SOUND;
    }
    fprintf(stderr, "%s", USAGE);
    return MISUSED;
}
