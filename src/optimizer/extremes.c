/* How far schedules go, and whether an option that follows one stays in its range. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "optimizer/optimizer.h"

/* ---- Of one schedule ---- */

void extremes_add(extremes_t *extremes, double value) {
    extremes->least = fmin(extremes->least, value);
    extremes->most = fmax(extremes->most, value);
}

void schedule_turn(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to, double at,
                   extremes_t *extremes) {
    const double after = from + ceil(at - from);
    if (after - 1 > from && after - 1 < to)
        extremes_add(extremes, of(run, base, after - 1));
    if (after > from && after < to)
        extremes_add(extremes, of(run, base, after));
}

extremes_t schedule_extremes(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to) {
    const double first = of(run, base, from), last = to > from ? of(run, base, to) : first;
    extremes_t extremes = {first, first};
    if (of == schedule_momentum && run->schedule->momentum == NULL)
        return extremes;
    if (to > from && run->schedule->between != NULL)
        run->schedule->between(run, of, base, from, to, &extremes);
    if (!isnan(last)) /* what swings for ever has no limit */
        extremes_add(&extremes, isfinite(to) ? last : nextafter(last, first));
    return extremes;
}

bool schedule_listens(const schedule_run_t *run) {
    bool listens = run->schedule->states != NULL;
    for (size_t i = 0; !listens && i < run->children; ++i)
        listens = schedule_listens(run->child[i]);
    return listens;
}

/* ---- Against a range ---- */

/* What may be reached: of an option, or (option = NULL) what lies below `high` and above `low`. */
typedef struct allowed {
    const option_t *option;
    bool off; /* also a 0 that means something else */
    double low, high;
} allowed_t;

static bool admits(const allowed_t *allowed, extremes_t e) {
    if (allowed->option == NULL)
        return e.least > allowed->low && e.most < allowed->high;
    const option_t *option = allowed->option;
    return (option_holds(option, e.least) || (e.least == 0 && option->pauses)) &&
           (option_holds(option, e.most) || (e.most == 0 && option->pauses)) &&
           (allowed->off || e.least > 0 || e.most < 0);
}

typedef struct search {
    const schedule_run_t *run;
    schedule_value_t *of;
    double base;
    allowed_t allowed;
    int looks; /* that may still be taken: bounds that are too wide could be halved for ever */
} search_t;

/* The first clock in from..to whose value is not allowed. */
static bool find_first(search_t *search, double from, double to, double *at) {
    static const double LAST = 9007199254740992.0;
    if (from > LAST || search->looks-- == 0 ||
        admits(&search->allowed, schedule_extremes(search->run, search->of, search->base, from, to)))
        return false;
    *at = from;
    if (from == to)
        return true;
    const double middle = isfinite(to) ? from + floor((to - from) / 2) : 2 * from + 1;
    return find_first(search, from, middle, at) || (search->looks > 0 && find_first(search, middle + 1, to, at));
}

enum { LOOKS = 20000 };

/* Where the value is farthest out, if it is that at some clock. */
static bool find_farthest(search_t search, extremes_t extremes, bool above, double *at) {
    search.looks = LOOKS;
    search.allowed = (allowed_t){NULL, true, -HUGE_VAL, HUGE_VAL};
    *(above ? &search.allowed.high : &search.allowed.low) = above ? extremes.most : extremes.least;
    return isfinite(extremes.most) && extremes.most < DBL_MAX && find_first(&search, 0, HUGE_VAL, at);
}

/* `option` would go through `extremes` under the schedule; whether and where that is a fault. */
static optim_status refuse_range(search_t *search, extremes_t extremes) {
    const option_t *option = search->allowed.option;
    const char *name = search->run->schedule->name;
    double at, farthest;
    char also[80] = "";
    if (!find_first(search, 0, HUGE_VAL, &at)) {
        const bool holds = option_holds(option, extremes.least) && option_holds(option, extremes.most);
        if (holds || !schedule_listens(search->run))
            return OPTIM_OK;
        return error_set(OPTIM_ERR_VALUE,
                         "option \"%s\" could be anything from %.9g to %.9g under schedule \"%s\", as metrics are "
                         "reported; valid: %s",
                         option->name, extremes.least, extremes.most, name, option->range);
    }
    const double value = search->of(search->run, search->base, at);
    if (option_holds(option, value))
        return error_set(OPTIM_ERR_VALUE,
                         "option \"%s\" would be 0 at step %.0f under schedule \"%s\", and 0 does not mean a small "
                         "value there (%s): stay above it",
                         option->name, at, name, option->doc);
    if (find_farthest(*search, extremes, value > search->base, &farthest) && farthest != at)
        (void)snprintf(also, sizeof also, ", %.9g at step %.0f", search->of(search->run, search->base, farthest),
                       farthest);
    return error_set(OPTIM_ERR_VALUE, "option \"%s\" would be %.9g at step %.0f%s under schedule \"%s\"; valid: %s",
                     option->name, value, at, also, name, option->range);
}

/* The layer's check of combinations, with one option at an end of where its schedule takes it. */
static optim_status refuse_combination(const scheduled_t *scheduled, int option, double value) {
    const method_t *method = scheduled->layer->method;
    double *base = &scheduled->layer->values[scheduled->group].base[option];
    const double before = *base;
    *base = value;
    const char *wrong = method->check == NULL ? NULL : method->check(scheduled->layer->values[scheduled->group].base);
    *base = before;
    return wrong == NULL ? OPTIM_OK
                         : error_set(OPTIM_ERR_VALUE, "%s: %s; option \"%s\" would be %.9g under schedule \"%s\"",
                                     scheduled->layer->name, wrong, method->options[option].name, value,
                                     scheduled->run->schedule->name);
}

static optim_status check_option(const scheduled_t *scheduled, int option, schedule_value_t *of) {
    const option_t *row = &scheduled->layer->method->options[option];
    const double base = scheduled->layer->values[scheduled->group].base[option];
    search_t search = {scheduled->run, of, base, {row, !row->zero_apart || base == 0, 0, 0}, LOOKS};
    const extremes_t extremes = schedule_extremes(scheduled->run, of, base, 0, HUGE_VAL);
    optim_status status = admits(&search.allowed, extremes) ? OPTIM_OK : refuse_range(&search, extremes);
    if (status == OPTIM_OK)
        status = refuse_combination(scheduled, option, extremes.least);
    return status == OPTIM_OK ? refuse_combination(scheduled, option, extremes.most) : status;
}

optim_status scheduled_check(const scheduled_t *scheduled) {
    const layer_t *layer = scheduled->layer;
    const double *base = layer->values[scheduled->group].base;
    const schedule_t *at;
    const char *wrong;
    optim_status status = OPTIM_OK;
    if (schedule_refuses(scheduled->run, base[scheduled->option], &at, &wrong))
        return error_set(OPTIM_ERR_VALUE, "option \"%s\" cannot be %.17g under its schedule \"%s\": %s",
                         layer->method->options[scheduled->option].name, base[scheduled->option], at->name, wrong);
    if (!scheduled_is_off(scheduled))
        status = check_option(scheduled, scheduled->option, schedule_value);
    if (status == OPTIM_OK && scheduled->momentum >= 0 && base[scheduled->momentum] >= 0)
        status = check_option(scheduled, scheduled->momentum, schedule_momentum);
    return status;
}

optim_status schedules_check(const optim_t *opt, const layer_t *layer, int group) {
    optim_status status = OPTIM_OK;
    for (size_t i = 0; status == OPTIM_OK && i < opt->scheduled_count; ++i) {
        const scheduled_t *scheduled = &opt->scheduled[i];
        if (scheduled->layer == layer && (scheduled->group == group || !layer->per_group))
            status = scheduled_check(scheduled);
    }
    return status;
}
