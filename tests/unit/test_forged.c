/*
 * Checkpoints whose checksums are right and whose contents are not: what is wrong is refused before anything changes,
 * and nothing in a file makes a step read or write where it should not.
 */
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "check.h"
#include "io/byteorder.h"
#include "io/safetensors.h"

enum { COUNT = 3 };

typedef struct model {
    optim_t *opt;
    double x[COUNT], g[COUNT];
} model_t;

static void evaluate(model_t *m) {
    double loss = 0;
    for (int i = 0; i < COUNT; ++i) {
        m->g[i] = (i + 1) * (m->x[i] - 0.25);
        loss += m->g[i] * (m->x[i] - 0.25) / 2;
    }
    CHECK_OK(optim_set_loss(m->opt, loss));
}

static void model_steps(model_t *m, int steps) {
    for (int i = 0; i < steps; ++i) {
        optim_status status;
        do {
            evaluate(m);
            status = optim_step(m->opt);
        } while (status > 0);
        CHECK_OK(status);
    }
}

static void model_open(model_t *m, const char *algorithm, const char *options, int steps) {
    const int64_t dims[] = {COUNT};
    for (int i = 0; i < COUNT; ++i)
        m->x[i] = 1 + i;
    CHECK_OK(optim_create(&m->opt, algorithm, options));
    CHECK_OK(optim_add_param(m->opt, 0, "x", OPTIM_F64, 1, dims, m->x, m->g));
    model_steps(m, steps);
}

/* ---- Forging ---- */

typedef struct image {
    char *bytes;
    size_t size;
} image_t;

static image_t save(const optim_t *opt) {
    image_t image;
    image.bytes = check_serialized(opt, &image.size);
    return image;
}

/* `text` with its first `from` as `to`; the test fails if there is none. */
static char *replaced(const char *text, const char *from, const char *to) {
    const char *found = strstr(text, from);
    if (found == NULL)
        fail_msg("\"%s\" is not in the record: %s", from, text);
    return check_text("%.*s%s%s", (int)(found - text), text, to, found + strlen(from));
}

static size_t total_bytes(const safetensors_t *file) {
    size_t bytes = 0;
    for (size_t i = 0; i < file->count; ++i)
        bytes += file->entries[i].bytes;
    return bytes;
}

/* The array that begins there, or NULL; none of these is empty. */
static const safetensors_entry_t *entry_at(const safetensors_t *file, size_t begin) {
    for (size_t i = 0; i < file->count; ++i)
        if (file->entries[i].begin == begin)
            return &file->entries[i];
    return NULL;
}

/* The record's first `from` becomes `to`. */
static void forge(image_t *image, const char *from, const char *to) {
    memory_source_t source = memory_source(image->bytes, image->size);
    safetensors_t file;
    CHECK_OK(safetensors_read(&file, &source.source));
    char *text = replaced(file.text, from, to);
    const size_t room = image->size + strlen(text);
    memory_sink_t sink = memory_sink(check_memory(room, 1), room);
    jsontext_t header = {.at = NULL};
    size_t bytes = 0;
    safetensors_begin(&header, text);
    for (const safetensors_entry_t *entry;
         (entry = entry_at(&file, image->size - total_bytes(&file) + bytes)) != NULL;) {
        shape_t shape = {.count = jsontree_items(entry->shape)};
        for (size_t i = 0; i < shape.count; ++i)
            shape.dims[i] = jsontree_integer(jsontree_at(entry->shape, i));
        safetensors_add(&header, entry->name, entry->dtype, &shape, entry->bytes, &bytes);
    }
    char checksum[CHECKSUM_TEXT];
    CHECK_OK(safetensors_end(&header, checksum));
    CHECK_OK(safetensors_write_header(&sink.sink, &header));
    CHECK_OK(sink.sink.write(&sink.sink, image->bytes + image->size - bytes, bytes));
    free(header.at);
    free(text);
    safetensors_free(&file);
    free(image->bytes);
    *image = (image_t){sink.at, sink.used};
}

/* The array, of one double, becomes `value`, and its checksum fits. */
static void forge_number(image_t *image, const char *array, double value) {
    memory_source_t source = memory_source(image->bytes, image->size);
    safetensors_t file;
    char before[CHECKSUM_TEXT], after[CHECKSUM_TEXT];
    CHECK_OK(safetensors_read(&file, &source.source));
    const safetensors_entry_t *entry = safetensors_find(&file, array);
    assert_non_null(entry);
    assert_int_equal(entry->bytes, sizeof value);
    byteorder_from_file(&value, sizeof value, sizeof value); /* or into it: the turn is the same */
    checksum_text(XXH3_64bits(image->bytes + entry->begin, sizeof value), before);
    checksum_text(XXH3_64bits(&value, sizeof value), after);
    memcpy(image->bytes + entry->begin, &value, sizeof value);
    safetensors_free(&file);
    char *from = check_text("\"%s\":\"%s\"", array, before), *to = check_text("\"%s\":\"%s\"", array, after);
    forge(image, from, to);
    free(from);
    free(to);
}

/* Refused by that handle, which is as before; the image is freed. */
static void check_refused_load(model_t *m, image_t image, optim_status status, const char *offender) {
    image_t before = save(m->opt), after;
    CHECK_REFUSED(optim_deserialize(m->opt, image.bytes, image.size), status, offender);
    after = save(m->opt);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.bytes, after.bytes, before.size);
    free(before.bytes);
    free(after.bytes);
    free(image.bytes);
}

/* By a handle that has taken steps, and by a new one. */
static void check_refused_by_both(const char *algorithm, const char *options, image_t image, optim_status status,
                                  const char *offender) {
    model_t old, new;
    image_t copy = {check_memory(image.size, 1), image.size};
    memcpy(copy.bytes, image.bytes, image.size);
    model_open(&old, algorithm, options, 2);
    model_open(&new, algorithm, options, 0);
    check_refused_load(&old, image, status, offender);
    check_refused_load(&new, copy, status, offender);
    model_steps(&old, 2);
    model_steps(&new, 2);
    optim_destroy(old.opt);
    optim_destroy(new.opt);
}

/* ---- Tests ---- */

/* Places in a history, and how much of it is in use: numbers that indices are made of. */
static void places_and_counts_stay_within(void **state) {
    (void)state;
    static const char OPTIONS[] = "history=2,line_search=none,lr=0.1";
    static const char *const WRONG[][3] = {{"\"next\":[\"1\"]", "\"next\":[\"3\"]", "lbfgs.next"},
                                           {"\"next\":[\"1\"]", "\"next\":[\"-1\"]", "lbfgs.next"},
                                           {"\"next\":[\"1\"]", "\"next\":[\"0.5\"]", "lbfgs.next"},
                                           {"\"next\":[\"1\"]", "\"next\":[\"nan\"]", "lbfgs.next"},
                                           {"\"pairs\":[\"2\"]", "\"pairs\":[\"1e10\"]", "lbfgs.pairs"}};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; ++i) {
        model_t m;
        model_open(&m, "lbfgs", OPTIONS, 4); /* three pairs */
        image_t image = save(m.opt);
        optim_destroy(m.opt);
        forge(&image, WRONG[i][0], WRONG[i][1]);
        check_refused_by_both("lbfgs", OPTIONS, image, OPTIM_ERR_CHECKPOINT, WRONG[i][2]);
    }
}

static void counts_in_arrays_stay_within(void **state) {
    (void)state;
    static const double WRONG[] = {3, 1e6, -1, 0.5};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; ++i) {
        model_t m;
        model_open(&m, "adam_cm", "capacity=2", 3);
        image_t image = save(m.opt);
        optim_destroy(m.opt);
        forge_number(&image, "x/adam_cm.entries", WRONG[i]);
        check_refused_by_both("adam_cm", "capacity=2", image, OPTIM_ERR_CHECKPOINT, "x/adam_cm.entries");
    }
}

/* A count that the next step would carry past the largest integer. */
static void counters_can_go_on(void **state) {
    (void)state;
    model_t m;
    model_open(&m, "sgd", NULL, 2);
    image_t image = save(m.opt);
    optim_destroy(m.opt);
    forge(&image, "\"steps\":2", "\"steps\":9223372036854775807");
    check_refused_by_both("sgd", NULL, image, OPTIM_ERR_FORMAT, "record");
}

/* Gradients were accumulated, says the file, to a handle that has no memory for their sum. */
static void a_count_without_a_sum_is_none(void **state) {
    (void)state;
    model_t m, loaded;
    model_open(&m, "sgd", "lr=0.1", 2);
    model_open(&loaded, "sgd", "lr=0.1", 2);
    image_t image = save(m.opt);
    forge(&image, "\"accumulated\":[\"0\"]", "\"accumulated\":[\"2\"]");
    CHECK_OK(optim_deserialize(loaded.opt, image.bytes, image.size));
    model_steps(&m, 2);
    model_steps(&loaded, 2);
    assert_memory_equal(m.x, loaded.x, sizeof m.x);
    optim_destroy(m.opt);
    optim_destroy(loaded.opt);
    free(image.bytes);
}

static void an_option_follows_one_schedule(void **state) {
    (void)state;
    static const char ONE[] = "\"schedules\":[{";
    model_t m;
    model_open(&m, "sgd", NULL, 0);
    CHECK_OK(optim_set_schedule(m.opt, 0, "lr", "step", "step_size=3"));
    model_steps(&m, 1);
    image_t image = save(m.opt);
    optim_destroy(m.opt);
    forge(&image, ONE,
          "\"schedules\":[{\"layer\":0,\"group\":0,\"option\":\"lr\",\"name\":\"constant\",\"options\":\"\","
          "\"state\":[]},{");
    check_refused_by_both("sgd", NULL, image, OPTIM_ERR_CHECKPOINT, "two schedules");
}

/* Numbers of layers and groups are 64-bit, however wide an address is: these are not number 0, and a schedule of what
 * is not here is left out. */
static void a_schedule_of_nothing_is_left_out(void **state) {
    static const char *const PLACES[] = {"\"layer\":4294967296,\"group\":0", "\"layer\":0,\"group\":4294967296",
                                         "\"layer\":-1,\"group\":0", "\"layer\":0,\"group\":-4294967296"};
    (void)state;
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; ++i) {
        model_t m;
        double lr;
        model_open(&m, "sgd", "lr=0.5", 1);
        CHECK_OK(optim_set_schedule(m.opt, 0, "lr", "step", "step_size=3"));
        image_t image = save(m.opt);
        forge(&image, "\"layer\":0,\"group\":0", PLACES[i]);
        CHECK_OK(optim_deserialize(m.opt, image.bytes, image.size));
        model_steps(&m, 5);
        CHECK_OK(optim_get(m.opt, 0, "lr", &lr));
        assert_true(lr == 0.5);
        optim_destroy(m.opt);
        free(image.bytes);
    }
}

/* It is refused as when it is set: by its options, and by what reports are said to have taught it. */
static void a_schedule_stays_in_range(void **state) {
    (void)state;
    model_t m;
    model_open(&m, "adam", "beta2=0.8", 0);
    CHECK_OK(optim_set_schedule(m.opt, 0, "beta2", "step", "step_size=3"));
    model_steps(&m, 1);
    image_t image = save(m.opt);
    optim_destroy(m.opt);
    forge(&image, "\"options\":\"step_size=3\"", "\"options\":\"gamma=1.5\"");
    check_refused_by_both("adam", "beta2=0.8", image, OPTIM_ERR_VALUE, "1.2 at step 30");

    model_open(&m, "adam", "beta2=0.8", 0);
    CHECK_OK(optim_set_schedule(m.opt, 0, "beta2", "plateau", NULL));
    model_steps(&m, 1);
    image = save(m.opt);
    optim_destroy(m.opt);
    forge(&image, "\"state\":[\"1\",", "\"state\":[\"2\",");
    check_refused_by_both("adam", "beta2=0.8", image, OPTIM_ERR_VALUE, "1.6 at step 0");
}

/* As versions wrote them that had no clipping by group: those options stay as they are, and go on working. */
static void an_older_record_knows_no_clipping_by_group(void **state) {
    (void)state;
    model_t m, loaded;
    model_open(&m, "sgd", "lr=0.1,momentum=0.5", 2);
    image_t image = save(m.opt);
    forge(&image,
          "{\"name\":\"engine.group_clip\",\"station\":\"group_clip\",\"sample\":1,\"held\":null,\"numbers\":{},"
          "\"groups\":{\"0\":{\"options\":{\"group_clip_norm\":\"0\",\"group_clip_value\":\"0\"},\"numbers\":{}}}},",
          "");
    model_open(&loaded, "sgd", "lr=0.1,momentum=0.5,group_clip_norm=1e-3", 0);
    memcpy(loaded.x, m.x, sizeof m.x);
    CHECK_OK(optim_deserialize(loaded.opt, image.bytes, image.size));
    double bound;
    CHECK_OK(optim_get(loaded.opt, 0, "group_clip_norm", &bound));
    assert_true(bound == 1e-3);
    CHECK_OK(optim_set(loaded.opt, 0, "group_clip_norm", 0));
    model_steps(&m, 2);
    model_steps(&loaded, 2);
    assert_memory_equal(m.x, loaded.x, sizeof m.x);
    optim_destroy(m.opt);
    optim_destroy(loaded.opt);
    free(image.bytes);
}

static const char CLIP[] =
    "{\"name\":\"engine\",\"station\":\"clip\",\"sample\":1,\"held\":null,"
    "\"numbers\":{\"gradient_norm\":[\"8.8513432649107671\"]},\"groups\":{\"0\":{\"options\":{\"clip_norm\":\"0.5\","
    "\"clip_value\":\"0\",\"clip_by\":\"all\",\"clip_measure\":\"l2\",\"clip_p\":\"2\",\"clip_eps\":\"0\","
    "\"skip_norm\":\"0\"},\"numbers\":{}}}},";

/* The engine's stations are found by their own names, wherever they stand. */
static void stations_may_stand_in_any_order(void **state) {
    (void)state;
    model_t m, loaded;
    model_open(&m, "sgd", "lr=0.1,clip_norm=0.5", 2);
    image_t image = save(m.opt);
    static const char LAST[] = "{\"name\":\"engine\",\"station\":\"loss_scale\"";
    char *clip_before_last = check_text("%s%s", CLIP, LAST);
    forge(&image, CLIP, "");
    forge(&image, LAST, clip_before_last);
    free(clip_before_last);
    model_open(&loaded, "sgd", NULL, 0);
    memcpy(loaded.x, m.x, sizeof m.x);
    CHECK_OK(optim_deserialize(loaded.opt, image.bytes, image.size));
    double bound;
    CHECK_OK(optim_get(loaded.opt, 0, "clip_norm", &bound));
    assert_true(bound == 0.5);
    model_steps(&m, 2);
    model_steps(&loaded, 2);
    assert_memory_equal(m.x, loaded.x, sizeof m.x);
    optim_destroy(m.opt);
    optim_destroy(loaded.opt);
    free(image.bytes);
}

static void a_station_of_another_name_is_no_substitute(void **state) {
    (void)state;
    model_t m;
    model_open(&m, "sgd", NULL, 2);
    image_t image = save(m.opt);
    optim_destroy(m.opt);
    forge(&image, "\"station\":\"scale\"", "\"station\":\"rescale\"");
    check_refused_by_both("sgd", NULL, image, OPTIM_ERR_CHECKPOINT, "it knows nothing of \"engine\"");
}

/* The handle took memory for the file, which then turned out to be wrong: it is as if it never had. */
static void a_late_refusal_leaves_no_trace(void **state) {
    (void)state;
    model_t m;
    model_open(&m, "anchored_gradient", NULL, 2);
    image_t image = save(m.opt);
    optim_destroy(m.opt);
    forge(&image, "\"refresh\":[\"1\"]", "\"refresh\":[]");
    check_refused_by_both("anchored_gradient", NULL, image, OPTIM_ERR_CHECKPOINT, "refresh");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_and_counts_stay_within),
        cmocka_unit_test(counts_in_arrays_stay_within),
        cmocka_unit_test(counters_can_go_on),
        cmocka_unit_test(a_count_without_a_sum_is_none),
        cmocka_unit_test(an_option_follows_one_schedule),
        cmocka_unit_test(a_schedule_of_nothing_is_left_out),
        cmocka_unit_test(a_schedule_stays_in_range),
        cmocka_unit_test(an_older_record_knows_no_clipping_by_group),
        cmocka_unit_test(stations_may_stand_in_any_order),
        cmocka_unit_test(a_station_of_another_name_is_no_substitute),
        cmocka_unit_test(a_late_refusal_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
