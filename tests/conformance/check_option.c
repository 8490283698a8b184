/* Every option of every entry: its description, values inside its range taken, values outside refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "range.h"

/* ---- One handle with the entry in it: sgd where the entry needs a host ---- */

typedef struct handle {
    optim_t *opt;
    double parameter[6], gradient[6];
} handle_t;

/* With `options` for the entry; the status of the call that takes them. */
static optim_status handle_open(handle_t *h, const entry_t *entry, const char *options) {
    const bool by_create = entry->kind == OPTIM_ALGORITHM || entry->kind == OPTIM_ENGINE;
    memset(h, 0, sizeof *h);
    for (int i = 0; i < 6; ++i)
        h->parameter[i] = h->gradient[i] = 1 + 0.25 * i;
    optim_status status = optim_create(&h->opt, entry->kind == OPTIM_ALGORITHM ? entry->name : "sgd",
                                       by_create ? options : "lr=0.5,momentum=0.5");
    if (status != OPTIM_OK) {
        assert_null(h->opt);
        return status;
    }
    CHECK_OK(optim_add_param(h->opt, 0, "p", OPTIM_F64, 2, (int64_t[]){3, 2}, h->parameter, h->gradient));
    if (entry->kind == OPTIM_WRAPPER)
        status = optim_wrap(h->opt, entry->name, options);
    if (entry->kind == OPTIM_SCHEDULE)
        status = optim_set_schedule(h->opt, 0, "lr", entry->name, options);
    return status;
}

static void handle_close(handle_t *h) {
    optim_destroy(h->opt);
}

static optim_option option_at(const entry_t *entry, size_t i) {
    optim_option option = {.size = sizeof option};
    CHECK_OK(optim_describe_option(entry->kind, entry->name, i, &option));
    return option;
}

/* ---- The description ---- */

static void assert_text(const char *text, bool needed, const char *what) {
    if (text == NULL || (needed && *text == '\0'))
        fail_msg("the description has no %s", what);
}

/* The range as text and as numbers say the same. */
static void check_ends(const optim_option *option, const range_t *range) {
    static const int KINDS[] = {[RANGE_NUMBER] = OPTIM_KIND_NUMBER, [RANGE_WHOLE] = OPTIM_KIND_INTEGER};
    int kind = strcmp(option->range, "list") == 0        ? OPTIM_KIND_LIST
               : strcmp(option->range, "schedules") == 0 ? OPTIM_KIND_ENTRIES
               : strncmp(option->range, "word of ", 8) == 0 ? OPTIM_KIND_WORD
                                                         : OPTIM_KIND_ENTRY;
    range_t expected = {.low_closed = true, .high_closed = true};
    if (range->kind == RANGE_WORDS) {
        kind = strcmp(option->range, "0|1") == 0 ? OPTIM_KIND_SWITCH : OPTIM_KIND_KEYWORD;
        expected.high = range->words - 1;
    } else if (range->kind != RANGE_TEXT) {
        kind = KINDS[range->kind];
        expected = *range;
    }
    assert_int_equal(option->kind, kind);
    if (option->lowest != expected.low || option->highest != expected.high ||
        option->lowest_open != !expected.low_closed || option->highest_open != !expected.high_closed)
        fail_msg("\"%s\" is %s, but from %g%s to %g%s", option->name, option->range, option->lowest,
                 option->lowest_open ? " (open)" : "", option->highest, option->highest_open ? " (open)" : "");
}

/* A method's family is none of the words for what is no method; those are the families of all else. */
static void check_family(const entry_t *entry, const char *family) {
    static const char *const OTHERS[] = {
        [OPTIM_WRAPPER] = "wrappers", [OPTIM_SCHEDULE] = "schedules", [OPTIM_ENGINE] = "engine"};
    assert_text(family, true, "family");
    if (entry->kind != OPTIM_ALGORITHM) {
        assert_string_equal(family, OTHERS[entry->kind]);
        return;
    }
    for (int kind = OPTIM_WRAPPER; kind <= OPTIM_ENGINE; ++kind)
        assert_string_not_equal(family, OTHERS[kind]);
}

void check_description(void **state) {
    const entry_t *entry = *state;
    const optim_description d = describe(entry->kind, entry->name);
    assert_text(d.name, true, "name");
    check_family(entry, d.family);
    assert_text(d.purpose, true, "purpose");
    assert_text(d.citation, entry->kind == OPTIM_ALGORITHM, "citation");
    assert_text(d.evaluations, entry->kind == OPTIM_ALGORITHM, "evaluations");
    if (entry->kind == OPTIM_ALGORITHM)
        assert_true((d.needs & (OPTIM_NEEDS_GRADIENT | OPTIM_NEEDS_LOSS | OPTIM_NEEDS_LOSSES | OPTIM_NEEDS_INPUTS |
                                OPTIM_NEEDS_RESIDUALS)) ||
                    strcmp(d.evaluations, "none") == 0);
    for (size_t i = 0; i < d.options; ++i) {
        const optim_option option = option_at(entry, i);
        assert_text(option.name, true, "name of an option");
        assert_text(option.meaning, true, "meaning of an option");
        const range_t range = range_read(option.range);
        check_ends(&option, &range);
        if (range.kind != RANGE_TEXT && !range_holds(&range, option.default_value))
            fail_msg("the default %g of \"%s\" is outside %s", option.default_value, option.name, option.range);
        for (size_t j = 0; j < i; ++j)
            assert_string_not_equal(option.name, option_at(entry, j).name);
    }
    for (size_t i = 0; i < d.states; ++i) {
        optim_state_info info = {.size = sizeof info};
        CHECK_OK(optim_describe_state(entry->kind, entry->name, i, &info));
        assert_text(info.name, true, "name of a state");
        assert_text(info.meaning, true, "meaning of a state");
        assert_text(info.shape, true, "shape of a state");
        assert_non_null(info.condition);
    }
    optim_option option = {.size = sizeof option};
    optim_state_info info = {.size = sizeof info};
    CHECK_STATUS(optim_describe_option(entry->kind, entry->name, d.options, &option), OPTIM_ERR_ARGUMENT);
    CHECK_STATUS(optim_describe_state(entry->kind, entry->name, d.states, &info), OPTIM_ERR_ARGUMENT);
}

/* ---- Values in option strings ---- */

static char *value_text(const optim_option *option, const range_t *range, double value) {
    const bool is_word = range->kind == RANGE_WORDS && value >= 0 && value < range->words && value == floor(value);
    return is_word ? check_text("%s=%s", option->name, range->word[(int)value])
                   : check_text("%s=%.17g", option->name, value);
}

static bool sentence_names(const entry_t *entry, const optim_option *option) {
    return strstr(optim_error(), option->name) != NULL || strstr(optim_error(), entry->name) != NULL;
}

static bool has_key(const entry_t *entry) {
    return entry->kind != OPTIM_SCHEDULE; /* a schedule's options are fixed when it is set */
}

/* Of its method, or of every handle. */
static bool host_has(const char *name) {
    optim_t *opt;
    double value;
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    const bool has = optim_get(opt, 0, name, &value) == OPTIM_OK;
    optim_destroy(opt);
    return has;
}

/* The option's name, with the wrapper's before it where the host has one of that name too. To be freed. */
static char *key_of(const entry_t *entry, const optim_option *option) {
    const bool shadowed = entry->kind == OPTIM_WRAPPER && host_has(option->name);
    return check_text("%s%s%s", shadowed ? entry->name : "", shadowed ? "." : "", option->name);
}

/* Taken, or refused by the entry's own check of combinations; the default by itself is always taken. */
static void take(const entry_t *entry, const optim_option *option, const range_t *range, double value) {
    handle_t h;
    char *text = value_text(option, range, value);
    const optim_status status = handle_open(&h, entry, text);
    if (status != OPTIM_OK) {
        if (status != OPTIM_ERR_VALUE || !sentence_names(entry, option))
            fail_msg("\"%s\": status %d, \"%s\"", text, status, optim_error());
        if (value == option->default_value && has_key(entry))
            fail_msg("the default itself is refused: \"%s\"", optim_error());
    } else if (has_key(entry)) {
        double got;
        char *key = key_of(entry, option);
        CHECK_OK(optim_get(h.opt, 0, key, &got));
        if (got != value)
            fail_msg("\"%s\" reads back as %.17g", text, got);
        free(key);
    }
    handle_close(&h);
    free(text);
}

static void refuse_text(const entry_t *entry, const optim_option *option, const char *text) {
    handle_t h;
    CHECK_REFUSED(handle_open(&h, entry, text), OPTIM_ERR_VALUE, option->name);
    handle_close(&h);
}

static void refuse(const entry_t *entry, const optim_option *option, const range_t *range, double value) {
    char *text = value_text(option, range, value);
    refuse_text(entry, option, text);
    free(text);
}

static void refuse_malformed(const entry_t *entry, const optim_option *option) {
    static const char *const WRONG[] = {"", "x", "1x", "0x1", "1e", "nan", "1,5", " 1", "1 ", "--1", "no_such_word"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; ++i) {
        handle_t h;
        char *text = check_text("%s=%s", option->name, WRONG[i]);
        const optim_status status = handle_open(&h, entry, text);
        if (status >= 0)
            fail_msg("\"%s\" is taken", text);
        assert_string_not_equal(optim_error(), "");
        handle_close(&h);
        free(text);
    }
}

/* ---- Values through optim_set ---- */

static void set_each(const entry_t *entry, const optim_option *option, const range_t *range) {
    handle_t h;
    if (handle_open(&h, entry, NULL) != OPTIM_OK) {
        handle_close(&h);
        return;
    }
    char *qualified = check_text("%s.%s", entry->name, option->name), *plain = key_of(entry, option);
    double before, now;
    CHECK_OK(optim_get(h.opt, 0, plain, &before));
    for (int i = 0; i < range->outside_count; ++i) {
        CHECK_REFUSED(optim_set(h.opt, -1, plain, range->outside[i]), OPTIM_ERR_VALUE, option->name);
        CHECK_OK(optim_get(h.opt, 0, plain, &now));
        assert_true(now == before);
    }
    for (int i = 0; i < range->inside_count; ++i) {
        const char *key = entry->kind == OPTIM_WRAPPER && i % 2 == 1 ? qualified : plain;
        const optim_status status = optim_set(h.opt, i % 3 == 0 ? -1 : 0, key, range->inside[i]);
        CHECK_OK(optim_get(h.opt, 0, key, &now));
        if (status == OPTIM_OK)
            before = range->inside[i];
        else if (status != OPTIM_ERR_VALUE || !sentence_names(entry, option))
            fail_msg("optim_set(\"%s\", %g): status %d, \"%s\"", key, range->inside[i], status, optim_error());
        assert_true(now == before);
    }
    handle_close(&h);
    free(qualified);
    free(plain);
}

/* After the first step: taken, or refused as what decides about memory or by the check of combinations. */
static void set_late(const entry_t *entry, const optim_option *option, const range_t *range) {
    handle_t h;
    double before, now;
    char *key = key_of(entry, option);
    if (handle_open(&h, entry, NULL) == OPTIM_OK) {
        CHECK_OK(optim_set_loss(h.opt, 1));
        if (optim_step(h.opt) == OPTIM_OK) {
            for (int i = 0; i < range->inside_count; ++i) {
                CHECK_OK(optim_get(h.opt, 0, key, &before));
                const optim_status status = optim_set(h.opt, -1, key, range->inside[i]);
                CHECK_OK(optim_get(h.opt, 0, key, &now));
                if (status != OPTIM_OK && (!(status == OPTIM_ERR_ORDER || status == OPTIM_ERR_VALUE) ||
                                           !sentence_names(entry, option) || now != before))
                    fail_msg("optim_set(\"%s\", %g) after a step: status %d, \"%s\"", key, range->inside[i], status,
                             optim_error());
                assert_true(status != OPTIM_OK || now == range->inside[i]);
            }
        }
    }
    handle_close(&h);
    free(key);
}

void check_options(void **state) {
    const entry_t *entry = *state;
    const optim_description d = describe(entry->kind, entry->name);
    for (size_t i = 0; i < d.options; ++i) {
        const optim_option option = option_at(entry, i);
        const range_t range = range_read(option.range);
        refuse_malformed(entry, &option);
        if (range.kind == RANGE_TEXT)
            continue;
        take(entry, &option, &range, option.default_value);
        for (int k = 0; k < range.inside_count; ++k)
            take(entry, &option, &range, range.inside[k]);
        for (int k = 0; k < range.outside_count; ++k)
            refuse(entry, &option, &range, range.outside[k]);
        if (has_key(entry)) {
            set_each(entry, &option, &range);
            set_late(entry, &option, &range);
        }
    }
}

/* ---- Options that there are not ---- */

void check_unknown_option(void **state) {
    const entry_t *entry = *state;
    const optim_description d = describe(entry->kind, entry->name);
    handle_t h;
    CHECK_REFUSED(handle_open(&h, entry, "no_such_option=1"), OPTIM_ERR_OPTION, "no_such_option");
    if (d.options > 0 && strstr(optim_error(), option_at(entry, 0).name) == NULL)
        fail_msg("the sentence does not say which options there are: \"%s\"", optim_error());
    handle_close(&h);
    if (handle_open(&h, entry, NULL) == OPTIM_OK) {
        double value = 42;
        char *qualified = check_text("%s.no_such_option", entry->name);
        CHECK_REFUSED(optim_set(h.opt, 0, "no_such_option", 1), OPTIM_ERR_OPTION, "no_such_option");
        CHECK_REFUSED(optim_get(h.opt, 0, "no_such_option", &value), OPTIM_ERR_OPTION, "no_such_option");
        CHECK_REFUSED(optim_get(h.opt, 0, qualified, &value), OPTIM_ERR_OPTION, "no_such_option");
        CHECK_REFUSED(optim_add_group(h.opt, "no_such_option=1", NULL), OPTIM_ERR_OPTION, "no_such_option");
        CHECK_REFUSED(optim_set_schedule(h.opt, 0, "no_such_option", "constant", NULL), OPTIM_ERR_OPTION,
                      "no_such_option");
        assert_true(value == 42);
        free(qualified);
    }
    handle_close(&h);
}

/* ---- Schedules ---- */

/* With its defaults a schedule gives finite rates and goes without a trace; or it says which option it needs. */
void check_schedule(void **state) {
    const entry_t *entry = *state;
    handle_t h;
    const optim_status status = handle_open(&h, entry, NULL);
    if (status != OPTIM_OK) {
        CHECK_REFUSED(status, OPTIM_ERR_VALUE, entry->name);
        double rate;
        CHECK_OK(optim_get(h.opt, 0, "lr", &rate));
        assert_true(rate == 0.5);
    } else {
        double rate;
        for (int t = 0; t < 130; ++t) {
            CHECK_OK(optim_get(h.opt, 0, "lr", &rate));
            assert_true(isfinite(rate));
            CHECK_OK(optim_step(h.opt));
        }
        CHECK_OK(optim_set_schedule(h.opt, 0, "lr", NULL, NULL));
        CHECK_OK(optim_get(h.opt, 0, "lr", &rate));
        assert_true(rate == 0.5);
    }
    handle_close(&h);
}
