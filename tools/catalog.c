/* gradopt list, gradopt describe: the registry. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/option.h"
#include "base/words.h"
#include "tool.h"

typedef struct family {
    const char *name, *kind_name;
    int kind;
    size_t (*count)(void);
    const char *(*name_of)(size_t i);
} family_t;

static size_t engine_count(void) {
    return 1;
}

static const char *engine_name(size_t i) {
    return i == 0 ? "engine" : NULL;
}

static const family_t FAMILIES[] = {
    {"methods", "method", OPTIM_ALGORITHM, optim_algorithm_count, optim_algorithm_name},
    {"wrappers", "wrapper", OPTIM_WRAPPER, optim_wrapper_count, optim_wrapper_name},
    {"schedules", "schedule", OPTIM_SCHEDULE, optim_schedule_count, optim_schedule_name},
    {"engine", "engine", OPTIM_ENGINE, engine_count, engine_name}, /* described, not listed */
};
enum { LISTED = 3, DESCRIBED = 4 };

/* ---- list ---- */

/* Whether the word is in the text, whatever the case of the letters. */
static bool has_word(const char *text, const char *word) {
    const size_t length = strlen(word);
    for (; strlen(text) >= length; ++text)
        if (strncasecmp(text, word, length) == 0)
            return true;
    return false;
}

/* The i-th entry of the family, if it has the word. */
static bool matches(const family_t *family, size_t i, const char *word, optim_description *about) {
    *about = (optim_description){.size = sizeof *about};
    return optim_describe(family->kind, family->name_of(i), about) == OPTIM_OK &&
           (word == NULL || has_word(about->name, word) || has_word(about->purpose, word));
}

static size_t count_matches(const family_t *family, const char *word) {
    optim_description about;
    size_t found = 0;
    for (size_t i = 0; i < family->count(); ++i)
        found += matches(family, i, word, &about);
    return found;
}

static void print_family(const family_t *family, const char *word) {
    optim_description about;
    printf("%s:\n", family->name);
    for (size_t i = 0; i < family->count(); ++i)
        if (matches(family, i, word, &about))
            printf("  %-24s %s\n", about.name, about.purpose);
}

static void out_family(json_out_t *out, const family_t *family, const char *word) {
    optim_description about;
    out_open(out, family->name, '[');
    for (size_t i = 0; i < family->count(); ++i) {
        if (!matches(family, i, word, &about))
            continue;
        out_open(out, NULL, '{');
        out_text(out, "name", about.name);
        out_text(out, "purpose", about.purpose);
        out_close(out, '}');
    }
    out_close(out, ']');
}

static int refuse_family(const char *name) {
    nearest_t nearest = nearest_begin(name, strlen(name));
    char question[NEAREST_TEXT];
    for (size_t i = 0; i < LISTED; ++i)
        nearest_offer(&nearest, FAMILIES[i].name, strlen(FAMILIES[i].name));
    nearest_text(&nearest, question);
    return print_error("gradopt list: no family is called \"%s\"%s; there are: methods, wrappers, schedules", name,
                    question);
}

int list(const char *family, const char *word, bool json) {
    bool chosen[LISTED];
    size_t found = 0, families = 0;
    for (size_t i = 0; i < LISTED; ++i) {
        chosen[i] = family == NULL || strcmp(family, FAMILIES[i].name) == 0;
        families += chosen[i];
        found += chosen[i] ? count_matches(&FAMILIES[i], word) : 0;
    }
    if (families == 0)
        return refuse_family(family);
    if (found == 0)
        return print_error("gradopt list: none of the %s has \"%s\" in its name or purpose", family, word);
    json_out_t out = {false};
    if (json)
        out_open(&out, NULL, '{');
    for (size_t i = 0; i < LISTED; ++i)
        if (chosen[i] && json)
            out_family(&out, &FAMILIES[i], word);
        else if (chosen[i])
            print_family(&FAMILIES[i], word);
    if (json) {
        out_close(&out, '}');
        out_end();
    }
    return DONE;
}

/* ---- describe ---- */

void default_text(const optim_option *option, char text[DEFAULT_TEXT]) {
    const option_t row = {option->name, option->default_value, option->range, option->meaning};
    _Static_assert((int)DEFAULT_TEXT >= (int)OPTION_TEXT, "option_text writes as much");
    text[0] = '\0';
    if (!option_is_text(&row))
        option_text(&row, option->default_value, text);
}

static void print_options(const family_t *family, const optim_description *about) {
    for (size_t i = 0; i < about->options; ++i) {
        optim_option option = {.size = sizeof option};
        char text[DEFAULT_TEXT];
        if (optim_describe_option(family->kind, about->name, i, &option) != OPTIM_OK)
            continue;
        default_text(&option, text);
        printf("  %-20s %-24s %-8s%-12s %s\n", option.name, option.range, text[0] == '\0' ? "" : "default ", text,
               option.meaning);
    }
}

static void print_description(const family_t *family, const optim_description *about) {
    printf("%s: %s\n", about->name, about->purpose);
    if (about->citation[0] != '\0')
        printf("%s\n", about->citation);
    print_options(family, about);
    for (size_t i = 0; i < about->states; ++i) {
        optim_state_info state = {.size = sizeof state};
        if (optim_describe_state(family->kind, about->name, i, &state) == OPTIM_OK)
            printf("  state %-14s by %-21s %s\n", state.name, state.shape, state.meaning);
    }
}

static void out_number(json_out_t *out, const char *key, double value) {
    char text[NUMBER_TEXT];
    number_text(value, text);
    if (isfinite(value))
        out_raw(out, key, text);
    else
        out_text(out, key, text);
}

static void out_option(json_out_t *out, const optim_option *option) {
    char text[DEFAULT_TEXT];
    const bool word = strchr(option->range, '|') != NULL && strcmp(option->range, "0|1") != 0;
    default_text(option, text);
    out_open(out, NULL, '{');
    out_text(out, "name", option->name);
    out_text(out, "range", option->range);
    if (text[0] == '\0')
        out_raw(out, "default", "null");
    else if (word)
        out_text(out, "default", text);
    else
        out_number(out, "default", option->default_value);
    out_text(out, "meaning", option->meaning);
    out_close(out, '}');
}

static void out_state(json_out_t *out, const optim_state_info *state) {
    out_open(out, NULL, '{');
    out_text(out, "name", state->name);
    out_text(out, "one_for_every", state->shape);
    out_text(out, "only_with", state->condition);
    out_number(out, "bytes_per_parameter", state->bytes_per_parameter);
    out_text(out, "meaning", state->meaning);
    out_close(out, '}');
}

/* The names of the bits that are set. */
static void out_bits(json_out_t *out, const char *key, int bits, const char *const *names, int count) {
    out_open(out, key, '[');
    for (int i = 0; i < count; ++i)
        if (bits >> i & 1)
            out_text(out, NULL, names[i]);
    out_close(out, ']');
}

static void out_description(const family_t *family, const optim_description *about) {
    static const char *const NEEDS[] = {"gradient", "loss", "more_gradients", "products"};
    static const char *const CAN[] = {"split", "mix", "output"};
    json_out_t out = {false};
    out_open(&out, NULL, '{');
    out_text(&out, "kind", family->kind_name);
    out_text(&out, "name", about->name);
    out_text(&out, "purpose", about->purpose);
    out_text(&out, "citation", about->citation);
    out_text(&out, "evaluations", about->evaluations);
    out_bits(&out, "needs", about->needs, NEEDS, 4);
    out_bits(&out, "can", about->can, CAN, 3);
    out_open(&out, "options", '[');
    for (size_t i = 0; i < about->options; ++i) {
        optim_option option = {.size = sizeof option};
        if (optim_describe_option(family->kind, about->name, i, &option) == OPTIM_OK)
            out_option(&out, &option);
    }
    out_close(&out, ']');
    out_open(&out, "states", '[');
    for (size_t i = 0; i < about->states; ++i) {
        optim_state_info state = {.size = sizeof state};
        if (optim_describe_state(family->kind, about->name, i, &state) == OPTIM_OK)
            out_state(&out, &state);
    }
    out_close(&out, ']');
    out_close(&out, '}');
    out_end();
}

static int refuse_name(const char *name) {
    nearest_t nearest = nearest_begin(name, strlen(name));
    char question[NEAREST_TEXT];
    for (size_t f = 0; f < DESCRIBED; ++f)
        for (size_t i = 0; i < FAMILIES[f].count(); ++i)
            nearest_offer(&nearest, FAMILIES[f].name_of(i), strlen(FAMILIES[f].name_of(i)));
    nearest_text(&nearest, question);
    return print_error("gradopt describe: nothing is called \"%s\"%s; see gradopt list", name, question);
}

int describe(const char *name, bool json) {
    for (size_t f = 0; f < DESCRIBED; ++f) {
        optim_description about = {.size = sizeof about};
        if (optim_describe(FAMILIES[f].kind, name, &about) != OPTIM_OK)
            continue;
        if (json)
            out_description(&FAMILIES[f], &about);
        else
            print_description(&FAMILIES[f], &about);
        return DONE;
    }
    return refuse_name(name);
}
