/* gradopt inspect: what a checkpoint holds, and whether every checksum is right. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"
#include "io/jsontree.h"
#include "io/record.h"
#include "io/safetensors.h"
#include "io/shares.h"
#include "tool.h"

typedef struct checkpoint {
    source_t *source;
    safetensors_t file;
    shares_t shares;
    jsontree_t *record;
} checkpoint_t;

/* ---- Parts of the record ---- */

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
    char text[DEFAULT_TEXT];
    for (size_t i = 0; optim_describe_option(OPTIM_ENGINE, "engine", i, &option) == OPTIM_OK; ++i)
        if (strcmp(option.name, key) == 0) {
            default_text(&option, text);
            return strcmp(text, string_of(value)) == 0;
        }
    return false;
}

/* " key=value ..."; of the engine's options only those that somebody has set. */
static void print_pairs(const char *title, const jsontree_t *pairs, bool engine) {
    bool begun = false;
    for (size_t i = 0; i < jsontree_members(pairs); ++i) {
        const jsontree_t *value = &pairs->is.items[i];
        const char *key = value->key;
        if (engine && is_default(key, value))
            continue;
        print_text(begun ? " " : title);
        begun = true;
        print_text(key);
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
        print_text(string_of(jsontree_at(groups, (uint64_t)count_of(value, "group"))));
        printf(")");
        if (jsontree_is(jsontree_get(value, "states"), JSONTREE_FALSE))
            printf(", no gradient so far");
        else if (jsontree_get(value, "steps") != NULL)
            printf(", after %" PRId64 " steps of its own", count_of(value, "steps"));
        printf("\n");
        print_pairs("  its own: ", jsontree_get(value, "numbers"), false);
    }
}

/* Of a checkpoint of several ranks: what it is a share of, or the files with the shares. */
static void print_shares(const jsontree_t *record) {
    const jsontree_t *share = jsontree_get(record, "share"), *shares = jsontree_get(record, "shares");
    if (share != NULL)
        printf("the share of rank %" PRId64 " of %" PRId64 "\n", jsontree_integer(jsontree_at(share, 0)),
               jsontree_integer(jsontree_at(share, 1)));
    for (size_t i = 0; i < jsontree_items(shares); ++i) {
        printf("share ");
        print_text(string_of(jsontree_at(shares, i)));
        printf("\n");
    }
}

static void print_record(const jsontree_t *record) {
    const jsontree_t *wrappers = jsontree_get(record, "wrappers"), *layers = jsontree_get(record, "layers"),
                     *schedules = jsontree_get(record, "schedules");
    printf("written by libgradopt ");
    print_text(text_of(record, "library"));
    printf(", format %" PRId64 "\n", count_of(record, "format"));
    printf("after %" PRId64 " steps, %" PRId64 " skipped, %" PRId64 " random numbers drawn%s\n\n",
           count_of(record, "steps"), count_of(record, "skipped"), count_of(record, "draws"),
           jsontree_is(jsontree_get(record, "planned"), JSONTREE_TRUE) ? "" : "; before there is any state");
    print_shares(record);
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

/* An array of the file, and what is wrong with its bytes: NULL, or words that last until the next error. */
typedef struct verified {
    const safetensors_entry_t *entry;
    const char *wrong;
} verified_t;

static const char *verify(const safetensors_entry_t *entry, const char *wanted) {
    enum { PIECE = 1 << 16 };
    static char piece[PIECE];
    char found[CHECKSUM_TEXT];
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state);
    for (size_t done = 0; done < entry->bytes; done += PIECE) {
        const size_t left = entry->bytes - done, count = left < PIECE ? left : PIECE;
        if (entry->source->read(entry->source, entry->begin + done, piece, count) != OPTIM_OK)
            return optim_error();
        (void)XXH3_64bits_update(&state, piece, count);
    }
    checksum_text(XXH3_64bits_digest(&state), found);
    if (wanted == NULL)
        return "it has no checksum";
    return strcmp(found, wanted) == 0 ? NULL : "its checksum is wrong";
}

static verified_t array_at(const checkpoint_t *checkpoint, size_t i) {
    const safetensors_entry_t *entry = &checkpoint->file.entries[i];
    const jsontree_t *sum = jsontree_get(jsontree_get(checkpoint->record, "sums"), entry->name);
    return (verified_t){entry, verify(entry, entry->checksum != NULL ? entry->checksum : jsontree_text(sum))};
}

static int print_arrays(const checkpoint_t *checkpoint) {
    const size_t count = checkpoint->file.count;
    int status = DONE;
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i) {
        const verified_t array = array_at(checkpoint, i);
        printf("array ");
        print_text(array.entry->name);
        printf(" %s ", array.entry->dtype);
        print_shape(array.entry->shape);
        if (array.wrong != NULL) {
            printf("  DAMAGED: %s", array.wrong);
            status = FAILED;
        }
        printf("\n");
        bytes += array.entry->bytes;
    }
    printf("%zu arrays, %zu bytes\n", count, bytes);
    printf("%s\n", status == DONE ? "sound: every checksum is right" : "DAMAGED");
    return status;
}

/* ---- JSON ---- */

static bool out_array(json_out_t *out, verified_t array) {
    out_open(out, NULL, '{');
    out_text(out, "name", array.entry->name);
    out_text(out, "dtype", array.entry->dtype);
    out_open(out, "shape", '[');
    for (size_t i = 0; i < jsontree_items(array.entry->shape); ++i)
        out_count(out, NULL, (size_t)jsontree_integer(jsontree_at(array.entry->shape, i)));
    out_close(out, ']');
    out_count(out, "bytes", array.entry->bytes);
    out_bool(out, "sound", array.wrong == NULL);
    if (array.wrong != NULL)
        out_text(out, "wrong", array.wrong);
    out_close(out, '}');
    return array.wrong == NULL;
}

static int out_checkpoint(const checkpoint_t *checkpoint) {
    json_out_t out = {false};
    bool sound = true;
    out_open(&out, NULL, '{');
    out_raw(&out, "record", checkpoint->file.text);
    out_open(&out, "arrays", '[');
    for (size_t i = 0; i < checkpoint->file.count; ++i)
        sound = out_array(&out, array_at(checkpoint, i)) && sound;
    out_close(&out, ']');
    out_bool(&out, "sound", sound);
    out_close(&out, '}');
    out_end();
    return sound ? DONE : FAILED;
}

/* ---- The command ---- */

static int refuse(const checkpoint_t *checkpoint, const char *why) {
    (void)print_error("%s %s", checkpoint->source->name, why);
    return FAILED;
}

/* Of several ranks: the arrays are in the files with the shares. */
static bool open_shares(checkpoint_t *checkpoint) {
    const jsontree_t *shares = jsontree_get(checkpoint->record, "shares");
    if (shares == NULL || shares_open(&checkpoint->shares, shares, checkpoint->source, &checkpoint->file) == OPTIM_OK)
        return true;
    (void)print_error("%s", optim_error());
    return false;
}

static int tell(checkpoint_t *checkpoint, bool json) {
    if (checkpoint->file.text == NULL)
        return refuse(checkpoint, "is a safetensors file, but not a checkpoint of libgradopt");
    if (!checkpoint->file.is_intact)
        return refuse(checkpoint, "is DAMAGED: the checksum of its header is wrong");
    if (!jsontree_is(checkpoint->record, JSONTREE_OBJECT) || count_of(checkpoint->record, "format") < 1)
        return refuse(checkpoint, "is not a checkpoint that can be read: its record is malformed");
    if (count_of(checkpoint->record, "format") > RECORD_FORMAT) {
        (void)print_error("%s has format %" PRId64 ", which this gradopt (%s) does not know", checkpoint->source->name,
                          count_of(checkpoint->record, "format"), optim_version());
        return FAILED;
    }
    if (!open_shares(checkpoint))
        return FAILED;
    if (json)
        return out_checkpoint(checkpoint);
    print_record(checkpoint->record);
    return print_arrays(checkpoint);
}

static int inspect_source(source_t *source, bool json) {
    checkpoint_t checkpoint = {.source = source};
    bool no_memory = false;
    if (safetensors_read(&checkpoint.file, source) != OPTIM_OK) {
        (void)print_error("%s", optim_error());
        return FAILED;
    }
    if (checkpoint.file.text != NULL)
        checkpoint.record = jsontree_read(checkpoint.file.text, strlen(checkpoint.file.text), &no_memory);
    const int status = no_memory ? refuse(&checkpoint, "cannot be read: out of memory") : tell(&checkpoint, json);
    jsontree_free(checkpoint.record);
    safetensors_free(&checkpoint.file);
    shares_close(&checkpoint.shares);
    return status;
}

/* A pipe cannot be read twice, as checksums want: its bytes are kept. */
static int inspect_input(bool json) {
    enum { PIECE = 1 << 16 };
    void *bytes = NULL;
    size_t used = 0, room = 0, got = 1;
    while (got > 0 && memory_grow(&bytes, &room, used + PIECE, 1)) {
        got = fread((char *)bytes + used, 1, PIECE, stdin);
        used += got;
    }
    int status = FAILED;
    if (got > 0)
        (void)print_error("standard input cannot be read: out of memory");
    else if (ferror(stdin))
        (void)print_error("standard input cannot be read: %s", strerror(errno));
    else {
        memory_source_t source = memory_source(bytes, used);
        source.source.name = "standard input";
        status = inspect_source(&source.source, json);
    }
    free(bytes);
    return status;
}

int inspect(const char *path, bool json) {
    if (strcmp(path, "-") == 0)
        return inspect_input(json);
    file_source_t file;
    if (file_open(&file, path) != OPTIM_OK) {
        (void)print_error("%s", optim_error());
        return FAILED;
    }
    const int status = inspect_source(&file.source, json);
    file_close(&file);
    return status;
}
