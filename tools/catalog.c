/* gradopt list, gradopt describe: the registry. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "base/option.h"
#include "base/words.h"
#include "tool.h"

typedef struct kind {
    const char *all, *one;
    int number;
    size_t (*count)(void);
    const char *(*name_of)(size_t i);
} kind_t;

static size_t engine_count(void) {
    return 1;
}

static const char *engine_name(size_t i) {
    return i == 0 ? "engine" : NULL;
}

static const kind_t KINDS[] = {
    {"methods", "method", OPTIM_ALGORITHM, optim_algorithm_count, optim_algorithm_name},
    {"wrappers", "wrapper", OPTIM_WRAPPER, optim_wrapper_count, optim_wrapper_name},
    {"schedules", "schedule", OPTIM_SCHEDULE, optim_schedule_count, optim_schedule_name},
    {"maps", "map", OPTIM_MAP, optim_map_count, optim_map_name},
    {"compressors", "compressor", OPTIM_COMPRESSOR, optim_compressor_count, optim_compressor_name},
    {"engine", "engine", OPTIM_ENGINE, engine_count, engine_name}, /* described, not listed */
};
enum { LISTED = 5, DESCRIBED = 6 };

/* ---- list ---- */

/* Whether the word is in the text, whatever the case of the letters. */
static bool has_word(const char *text, const char *word) {
    const size_t length = strlen(word);
    for (; strlen(text) >= length; ++text)
        if (strncasecmp(text, word, length) == 0)
            return true;
    return false;
}

/* What is to be listed: `family` may be a kind too ("methods"); NULL: all. */
typedef struct choice {
    const char *family, *word;
} choice_t;

/* The i-th entry, if it was chosen. */
static bool matches(const kind_t *kind, size_t i, const choice_t *choice, optim_description *about) {
    *about = (optim_description){.size = sizeof *about};
    if (optim_describe(kind->number, kind->name_of(i), about) != OPTIM_OK)
        return false;
    const char *family = choice->family, *word = choice->word;
    return (family == NULL || strcmp(family, kind->all) == 0 || strcmp(family, about->family) == 0) &&
           (word == NULL || has_word(about->name, word) || has_word(about->purpose, word));
}

static size_t count_matches(const kind_t *kind, const choice_t *choice) {
    optim_description about;
    size_t found = 0;
    for (size_t i = 0; i < kind->count(); ++i)
        found += matches(kind, i, choice, &about);
    return found;
}

/* Under a heading for each family: the entries of one stand together. */
static void print_kind(const kind_t *kind, const choice_t *choice) {
    const char *heading = "";
    optim_description about;
    for (size_t i = 0; i < kind->count(); ++i) {
        if (!matches(kind, i, choice, &about))
            continue;
        if (strcmp(heading, about.family) != 0) {
            heading = about.family;
            printf("%s:\n", heading);
        }
        printf("  %-24s %s\n", about.name, about.purpose);
    }
}

static void out_kind(json_out_t *out, const kind_t *kind, const choice_t *choice) {
    optim_description about;
    out_open(out, kind->all, '[');
    for (size_t i = 0; i < kind->count(); ++i) {
        if (!matches(kind, i, choice, &about))
            continue;
        out_open(out, NULL, '{');
        out_text(out, "name", about.name);
        out_text(out, "family", about.family);
        out_text(out, "purpose", about.purpose);
        out_close(out, '}');
    }
    out_close(out, ']');
}

/* Every kind, and every family of its entries that has another name. */
static void offer_families(nearest_t *nearest, list_t *families) {
    const choice_t all = {NULL, NULL};
    for (size_t k = 0; k < LISTED; ++k) {
        const char *last = KINDS[k].all;
        nearest_offer(nearest, last, strlen(last));
        list_add(families, last);
        for (size_t i = 0; i < KINDS[k].count(); ++i) {
            optim_description about;
            if (!matches(&KINDS[k], i, &all, &about) || strcmp(about.family, last) == 0)
                continue;
            last = about.family;
            nearest_offer(nearest, last, strlen(last));
            list_add(families, last);
        }
    }
}

static int refuse_family(const char *name) {
    nearest_t nearest = nearest_begin(name, strlen(name));
    list_t families = {.used = 0};
    char question[NEAREST_TEXT];
    offer_families(&nearest, &families);
    nearest_text(&nearest, question);
    return print_error("gradopt list: no family is called \"%s\"%s; there are: %s", name, question,
                       list_end(&families, "gradopt list"));
}

static bool is_kind(const char *name) {
    for (size_t k = 0; k < LISTED; ++k)
        if (strcmp(name, KINDS[k].all) == 0)
            return true;
    return false;
}

static bool has_family(const char *name) {
    const choice_t choice = {name, NULL};
    for (size_t k = 0; k < LISTED; ++k)
        if (count_matches(&KINDS[k], &choice) > 0)
            return true;
    return false;
}

int list(const char *family, const char *word, bool json) {
    const choice_t choice = {family, word};
    size_t found = 0;
    if (!has_family(family))
        return refuse_family(family);
    for (size_t k = 0; k < LISTED; ++k)
        found += count_matches(&KINDS[k], &choice);
    if (found == 0)
        return print_error("gradopt list: none of the %s%s has \"%s\" in its name or purpose", family,
                           is_kind(family) ? "" : " methods", word);
    json_out_t out = {false};
    if (json)
        out_open(&out, NULL, '{');
    for (size_t k = 0; k < LISTED; ++k)
        if (json && (family == NULL || count_matches(&KINDS[k], &choice) > 0))
            out_kind(&out, &KINDS[k], &choice);
        else if (!json)
            print_kind(&KINDS[k], &choice);
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
    (void)snprintf(text, DEFAULT_TEXT, "%s", option->default_entry);
    if (!option_is_text(&row))
        option_text(&row, option->default_value, text);
}

static void print_options(const kind_t *kind, const optim_description *about) {
    for (size_t i = 0; i < about->options; ++i) {
        optim_option option = {.size = sizeof option};
        char text[DEFAULT_TEXT];
        if (optim_describe_option(kind->number, about->name, i, &option) != OPTIM_OK)
            continue;
        default_text(&option, text);
        printf("  %-20s %-24s %-8s%-12s %s\n", option.name, option.range, text[0] == '\0' ? "" : "default ", text,
               option.meaning);
    }
}

static void print_description(const kind_t *kind, const optim_description *about) {
    printf("%s: %s\n", about->name, about->purpose);
    if (about->citation[0] != '\0')
        printf("%s\n", about->citation);
    print_options(kind, about);
    for (size_t i = 0; i < about->states; ++i) {
        optim_state_info state = {.size = sizeof state};
        if (optim_describe_state(kind->number, about->name, i, &state) == OPTIM_OK)
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
    const bool word =
        option->kind == OPTIM_KIND_KEYWORD || option->kind == OPTIM_KIND_ENTRY || option->kind == OPTIM_KIND_WORD;
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

static void out_description(const kind_t *kind, const optim_description *about) {
    static const char *const NEEDS[] = {"gradient", "loss", "more_gradients", "products"};
    static const char *const CAN[] = {"split", "mix", "output"};
    json_out_t out = {false};
    out_open(&out, NULL, '{');
    out_text(&out, "kind", kind->one);
    out_text(&out, "name", about->name);
    out_text(&out, "family", about->family);
    out_text(&out, "purpose", about->purpose);
    out_text(&out, "citation", about->citation);
    out_text(&out, "evaluations", about->evaluations);
    out_bits(&out, "needs", about->needs, NEEDS, 4);
    out_bits(&out, "can", about->can, CAN, 3);
    out_open(&out, "options", '[');
    for (size_t i = 0; i < about->options; ++i) {
        optim_option option = {.size = sizeof option};
        if (optim_describe_option(kind->number, about->name, i, &option) == OPTIM_OK)
            out_option(&out, &option);
    }
    out_close(&out, ']');
    out_open(&out, "states", '[');
    for (size_t i = 0; i < about->states; ++i) {
        optim_state_info state = {.size = sizeof state};
        if (optim_describe_state(kind->number, about->name, i, &state) == OPTIM_OK)
            out_state(&out, &state);
    }
    out_close(&out, ']');
    out_close(&out, '}');
    out_end();
}

static int refuse_name(const char *name) {
    nearest_t nearest = nearest_begin(name, strlen(name));
    char question[NEAREST_TEXT];
    for (size_t k = 0; k < DESCRIBED; ++k)
        for (size_t i = 0; i < KINDS[k].count(); ++i)
            nearest_offer(&nearest, KINDS[k].name_of(i), strlen(KINDS[k].name_of(i)));
    nearest_text(&nearest, question);
    return print_error("gradopt describe: nothing is called \"%s\"%s; see gradopt list", name, question);
}

int describe(const char *name, bool json) {
    for (size_t k = 0; k < DESCRIBED; ++k) {
        optim_description about = {.size = sizeof about};
        if (optim_describe(KINDS[k].number, name, &about) != OPTIM_OK)
            continue;
        if (json)
            out_description(&KINDS[k], &about);
        else
            print_description(&KINDS[k], &about);
        return DONE;
    }
    return refuse_name(name);
}
