/* gradopt tune: methods with values for their options, and draws of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "kernels/random.h"
#include "tool.h"
#include "tune.h"

static int no_memory(void) {
    (void)print_error("gradopt tune: out of memory");
    return FAILED;
}

/* Length of text up to `stop` or its end; what stands in parentheses does not count. */
static size_t until(const char *text, char stop) {
    size_t length = 0;
    int depth = 0;
    for (; text[length] != '\0' && (depth > 0 || text[length] != stop); ++length)
        depth += (text[length] == '(') - (text[length] == ')');
    return length;
}

/* LOW..HIGH */
static bool read_range(axis_t *axis, const char *text, size_t length) {
    for (size_t i = 1; i + 2 < length; ++i)
        if (text[i] == '.' && text[i + 1] == '.' && number_parse(text, i, &axis->low) &&
            number_parse(text + i + 2, length - i - 2, &axis->high))
            return true;
    return false;
}

static int add_word(axis_t *axis, const char *text, size_t length) {
    void *words = axis->word;
    const bool grown = memory_grow(&words, &axis->capacity, axis->words + 1, sizeof *axis->word);
    axis->word = words;
    char *word = grown ? memory_text(text, length) : NULL;
    if (word == NULL)
        return no_memory();
    axis->word[axis->words++] = word;
    return DONE;
}

static axis_t *add_axis(space_t *space, const char *key, size_t length) {
    void *axes = space->axis;
    const bool grown = memory_grow(&axes, &space->capacity, space->axes + 1, sizeof *space->axis);
    space->axis = axes;
    if (!grown)
        return NULL;
    axis_t *axis = &space->axis[space->axes];
    *axis = (axis_t){.key = memory_text(key, length)};
    space->axes += axis->key != NULL;
    return axis->key == NULL ? NULL : axis;
}

static bool describe_option(const char *method, const char *key, optim_option *option) {
    *option = (optim_option){.size = sizeof *option};
    for (size_t i = 0; optim_describe_option(OPTIM_ALGORITHM, method, i, option) == OPTIM_OK; ++i)
        if (strcmp(option->name, key) == 0)
            return true;
    return false;
}

/* KEY=VALUES, text[0..length) */
static int read_axis(space_t *space, const char *text, size_t length) {
    const size_t key = until(text, '=');
    if (key == 0 || key + 1 >= length)
        return print_error("gradopt tune: %s: \"%.*s\" is not KEY=VALUES", space->method, (int)length, text);
    axis_t *axis = add_axis(space, text, key);
    optim_option option;
    if (axis == NULL)
        return no_memory();
    axis->whole = describe_option(space->method, axis->key, &option) && strncmp(option.range, "integer", 7) == 0;
    axis->is_range = read_range(axis, text + key + 1, length - key - 1);
    if (axis->is_range && !(axis->low < axis->high && isfinite(axis->low) && isfinite(axis->high)))
        return print_error("gradopt tune: %s: the range of %s must be LOW..HIGH, finite, with LOW below HIGH",
                           space->method, axis->key);
    int status = DONE;
    for (size_t at = key + 1; status == DONE && !axis->is_range && at <= length;) {
        size_t word = until(text + at, '|');
        word = word < length - at ? word : length - at;
        if (word == 0)
            return print_error("gradopt tune: %s: a value of %s is empty", space->method, axis->key);
        status = add_word(axis, text + at, word);
        at += word + 1;
    }
    return status;
}

/* A space without values for lr races it from a hundredth of the default to a hundred times that. */
static int add_rate(space_t *space) {
    optim_option option;
    for (size_t i = 0; i < space->axes; ++i)
        if (strcmp(space->axis[i].key, "lr") == 0)
            return DONE;
    if (!describe_option(space->method, "lr", &option) || !(option.default_value > 0))
        return DONE;
    axis_t *axis = add_axis(space, "lr", 2);
    if (axis == NULL)
        return no_memory();
    axis->is_range = true;
    axis->low = option.default_value / 100;
    axis->high = fmin(option.default_value * 100, option.highest);
    return DONE;
}

/* The value at u in [0, 1] of a range, by its logarithm if both ends are above 0; to four digits. */
static double value_at(const axis_t *axis, double u) {
    char text[NUMBER_TEXT];
    double value =
               axis->low > 0 ? axis->low * pow(axis->high / axis->low, u) : axis->low + (axis->high - axis->low) * u,
           rounded;
    if (axis->whole)
        return round(value);
    (void)number_print(text, sizeof text, "%.4g", value);
    const bool fits = number_parse(text, strlen(text), &rounded) && rounded >= axis->low && rounded <= axis->high;
    return fits ? rounded : fmax(axis->low, fmin(axis->high, value));
}

/* Adds "key=value"; `u`: which one, in [0, 1]. */
static char *append(char *text, const axis_t *axis, double u) {
    char number[NUMBER_TEXT];
    const char *value = number;
    number_text(value_at(axis, u), number);
    if (!axis->is_range) {
        const size_t at = (size_t)(u * (double)axis->words);
        value = axis->word[at < axis->words ? at : axis->words - 1];
    }
    const size_t before = strlen(text), key = strlen(axis->key), length = strlen(value);
    char *longer = realloc(text, before + key + length + 3);
    if (longer == NULL) {
        free(text);
        return NULL;
    }
    char *at = longer + before;
    if (before > 0)
        *at++ = ',';
    memcpy(at, axis->key, key);
    at[key] = '=';
    memcpy(at + key + 1, value, length + 1);
    return longer;
}

/* Whether a handle can be made of all lowest and of all highest values. */
static int check_ends(const space_t *space) {
    for (int high = 0; high < 2; ++high) {
        char *options = memory_text("", 0);
        for (size_t i = 0; options != NULL && i < space->axes; ++i)
            options = append(options, &space->axis[i], high);
        if (options == NULL)
            return no_memory();
        optim_t *opt = NULL;
        const optim_status status = optim_create(&opt, space->method, options);
        optim_destroy(opt);
        if (status != OPTIM_OK)
            (void)print_error("gradopt tune: %s with %s: %s", space->method, options, optim_error());
        free(options);
        if (status != OPTIM_OK)
            return MISUSED;
    }
    return DONE;
}

int space_read(space_t *space, const char *text) {
    const size_t method = until(text, ':'), length = strlen(text);
    optim_description about = {.size = sizeof about};
    *space = (space_t){.method = memory_text(text, method)};
    if (space->method == NULL)
        return no_memory();
    if (optim_describe(OPTIM_ALGORITHM, space->method, &about) != OPTIM_OK)
        return print_error("gradopt tune: %s", optim_error());
    int status = DONE;
    for (size_t at = method + 1; status == DONE && at <= length;) {
        const size_t axis = until(text + at, ',');
        status = read_axis(space, text + at, axis);
        at += axis + 1;
    }
    status = status == DONE ? add_rate(space) : status;
    return status == DONE ? check_ends(space) : status;
}

void space_free(space_t *space) {
    for (size_t i = 0; i < space->axes; ++i) {
        for (size_t k = 0; k < space->axis[i].words; ++k)
            free(space->axis[i].word[k]);
        free((void *)space->axis[i].word);
        free(space->axis[i].key);
    }
    free(space->axis);
    free(space->method);
}

char *space_draw(const space_t *space, uint64_t seed, int64_t config, double *first) {
    enum { ROOM = 1000 }; /* words of the stream for each configuration */
    char *options = memory_text("", 0);
    *first = (double)NAN;
    for (size_t i = 0; options != NULL && i < space->axes; ++i) {
        const double u = random_uniform(seed, (uint64_t)config * ROOM + i + 1);
        if (space->axis[i].is_range && isnan(*first))
            *first = value_at(&space->axis[i], u);
        options = append(options, &space->axis[i], u);
    }
    return options;
}

const char *space_first(const space_t *space) {
    for (size_t i = 0; i < space->axes; ++i)
        if (space->axis[i].is_range)
            return space->axis[i].key;
    return NULL;
}
