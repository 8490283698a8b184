/* In other units of loss and gradient a method takes the same steps, as its page says. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "range.h"
#include "statement.h"

enum { STEPS = 6 };

typedef struct part {
    int kind;
    const char *name, *prefix; /* of a wrapper's keys: "sam." */
    statement_t statement;
} part_t;

static part_t part_of(int kind, const char *name) {
    const char *folder = kind == OPTIM_ALGORITHM ? "methods" : "wrappers";
    return (part_t){kind, name, kind == OPTIM_ALGORITHM ? "" : name, statement_read(folder, name)};
}

static char *key_of(const part_t *part, const char *option) {
    return check_text("%s%s%s", part->prefix, *part->prefix == '\0' ? "" : ".", option);
}

static double read_option(const rig_t *rig, const part_t *part, const char *option) {
    double value;
    char *key = key_of(part, option);
    CHECK_OK(optim_get(rig->opt, 0, key, &value));
    free(key);
    return value;
}

static optim_status write_option(const rig_t *rig, const part_t *part, const char *option, double value) {
    char *key = key_of(part, option);
    const optim_status status = optim_set(rig->opt, -1, key, value);
    free(key);
    return status;
}

/* "option=value": the option's name into `name`; its value, a keyword's position. */
static double setting(const part_t *part, const char *text, char name[STATEMENT_WORD]) {
    const size_t length = strcspn(text, "=");
    memcpy(name, text, length);
    name[length] = '\0';
    const optim_description about = describe(part->kind, part->name);
    for (size_t i = 0; i < about.options; ++i) {
        optim_option option = {.size = sizeof option};
        CHECK_OK(optim_describe_option(part->kind, part->name, i, &option));
        if (strcmp(option.name, name) != 0)
            continue;
        const range_t range = range_read(option.range);
        for (int k = 0; k < range.words; ++k)
            if (strcmp(range.word[k], text + length + 1) == 0)
                return k;
        return strtod(text + length + 1, NULL);
    }
    fail_msg("the page of %s names the option \"%s\", which there is none", part->name, name);
    return 0;
}

static bool holds(const rig_t *rig, const part_t *part, const char *condition) {
    char name[STATEMENT_WORD];
    if (*condition == '\0')
        return true;
    const double value = setting(part, condition, name);
    return read_option(rig, part, name) == value;
}

/* Whether the subject chooses otherwise than the rule wants. */
static bool is_outside(const subject_t *s, const part_t *part) {
    char name[STATEMENT_WORD];
    for (int i = 0; s->is_variant && i < STATEMENT_ONLY && *part->statement.only[i] != '\0'; ++i) {
        (void)setting(part, part->statement.only[i], name);
        if (strstr(s->options, name) == s->options && strcmp(s->options, part->statement.only[i]) != 0)
            return true;
    }
    return !part->statement.is_rule;
}

/* Turns the options, with the values that they have in `plain`; with `filled` those that are 0 take part too. In two
 * rounds, since one option may bound another. */
static void turn(const rig_t *rig, const rig_t *plain, const part_t *part, double scale, bool filled) {
    const statement_t *statement = &part->statement;
    char name[STATEMENT_WORD];
    for (int i = 0; i < STATEMENT_ONLY && *statement->only[i] != '\0'; ++i) {
        const double value = setting(part, statement->only[i], name);
        CHECK_OK(write_option(rig, part, name, value));
    }
    for (int i = 0; i < 2 * statement->turns; ++i) {
        const turn_t *t = &statement->turn[i % statement->turns];
        if (!holds(rig, part, t->condition))
            continue;
        const double held = read_option(plain, part, t->option);
        const double value = held != 0 || !filled ? held : (1 + i % statement->turns) / 64.0;
        const optim_status status = write_option(rig, part, t->option, value * pow(scale, t->power));
        if (i >= statement->turns)
            CHECK_OK(status);
    }
}

static rig_t *run(const subject_t *s, setup_t setup, const part_t *parts, double scale, bool filled) {
    rig_t *rig = subject_rig(s, setup), *plain = subject_rig(s, setup);
    rig->sign = scale;
    for (int i = 0; i <= s->wraps; ++i)
        turn(rig, plain, &parts[i], scale, filled);
    rig_free(plain);
    const optim_status status = rig_steps(rig, STEPS);
    if (status != OPTIM_OK && status != OPTIM_ERR_LINE_SEARCH)
        fail_msg("%s, scale %g: %s", s->label, scale, optim_error());
    return rig;
}

static void compare(const subject_t *s, setup_t setup, const part_t *parts, double scale, double tolerance) {
    char *what = check_text("loss and gradient times %g", scale);
    for (int filled = 0; filled < 2; ++filled) {
        rig_t *plain = run(s, setup, parts, 1, filled != 0), *scaled = run(s, setup, parts, scale, filled != 0);
        if (tolerance == 0)
            rig_check_same(scaled, plain, what);
        else
            rig_check_near(scaled, plain, tolerance, what);
        rig_free(plain);
        rig_free(scaled);
    }
    free(what);
}

/* Then powers of two change exponents alone. */
static bool all_powers_whole(const part_t *parts, int wraps) {
    bool whole = true;
    for (int i = 0; i <= wraps; ++i)
        for (int k = 0; k < parts[i].statement.turns; ++k)
            whole = whole && floor(parts[i].statement.turn[k].power) == parts[i].statement.turn[k].power;
    return whole;
}

void check_units(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    part_t parts[1 + SUBJECT_WRAPS] = {part_of(OPTIM_ALGORITHM, s->algorithm)};
    for (int i = 0; i < s->wraps; ++i)
        parts[1 + i] = part_of(OPTIM_WRAPPER, s->wrap[i]);
    for (int i = 0; i <= s->wraps; ++i)
        if (is_outside(s, &parts[i]))
            return;
    const bool exact = all_powers_whole(parts, s->wraps);
    const setup_t narrow = setup_dtype(setup, OPTIM_F32);
    static const double TWOS[] = {0x1p-48, 0x1p-24, 0x1p24, 0x1p48}, TENS[] = {1e-15, 1e-6, 1e6, 1e15};
    for (int i = 0; i < 4; ++i) {
        compare(s, setup, parts, TWOS[i], exact ? 0 : 1e-12);
        compare(s, setup, parts, TENS[i], 1e-9);
    }
    compare(s, narrow, parts, 0x1p-24, exact ? 0 : 1e-5);
    compare(s, narrow, parts, 0x1p40, exact ? 0 : 1e-5);
}
