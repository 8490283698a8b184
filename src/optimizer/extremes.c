/* How far schedules go, and whether an option that follows one stays in its range. */
#include <float.h>
#include <math.h>

#include "base/error.h"
#include "base/number.h"
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
    bool listens = run->schedule->kept != NULL;
    for (size_t i = 0; !listens && i < run->children; ++i)
        listens = schedule_listens(run->child[i]);
    return listens;
}

/* ---- Against what an option may be ---- */

typedef struct search {
    const scheduled_t *scheduled;
    int option;
    schedule_value_t *of;
    double base;
    bool off; /* a 0 that means something else is no fault */
    bool any; /* nothing is but what lies beyond these two: */
    double below, above;
    int tries; /* that are left: bounds that are too wide could be halved for ever */
} search_t;
enum { TRIES = 20000 };

typedef struct fault {
    const char *what, *detail; /* NULL: there is none */
} fault_t;

/* The station's own check, with the option at this value. */
static const char *wrong_combination(const search_t *search, double value) {
    const method_t *method = search->scheduled->station->method;
    double *base = search->scheduled->station->values[search->scheduled->group].base, before = base[search->option];
    base[search->option] = value;
    const char *owner, *wrong = method->check == NULL ? NULL : method->check(base);
    if (wrong == NULL)
        wrong = values_refuse(method->options, base, &owner);
    base[search->option] = before;
    return wrong;
}

static fault_t fault_of(const search_t *search, double value) {
    const option_t *option = station_row(search->scheduled->station, search->scheduled->group, search->option);
    if (search->any)
        return (fault_t){value >= search->below && value <= search->above ? NULL : "", ""};
    if (!option_holds(option, value) && !(value == 0 && option->pauses))
        return (fault_t){"valid: ", option->range};
    if (value == 0 && option->zero_apart && search->base > 0 && !search->off)
        return (fault_t){"0 is not the limit of small values: ", option->doc};
    const char *wrong = wrong_combination(search, value);
    return (fault_t){wrong == NULL ? NULL : "", wrong};
}

static bool has_fault(const search_t *search, extremes_t extremes) {
    return fault_of(search, extremes.least).what != NULL || fault_of(search, extremes.most).what != NULL;
}

/* The first clock in from..to whose value is at fault. */
static bool find_first(search_t *search, double from, double to, double *at) {
    static const double LAST = 9007199254740992.0;
    if (from > LAST || search->tries-- == 0 ||
        !has_fault(search, schedule_extremes(search->scheduled->run, search->of, search->base, from, to)))
        return false;
    *at = from;
    if (from == to)
        return true;
    const double middle = isfinite(to) ? from + floor((to - from) / 2) : 2 * from + 1;
    return find_first(search, from, middle, at) || (search->tries > 0 && find_first(search, middle + 1, to, at));
}

/* ", 1.35 at step 10": where the value is farthest out, if that is at another clock. */
static void say_farthest(search_t search, extremes_t extremes, double at, double value, char text[80]) {
    double farthest;
    search.any = true;
    search.tries = TRIES;
    if (value > search.base)
        search.above = nextafter(extremes.most, value);
    else
        search.below = nextafter(extremes.least, value);
    text[0] = '\0';
    if (fabs(extremes.most) < DBL_MAX && find_first(&search, 0, HUGE_VAL, &farthest) && farthest != at)
        (void)number_print(text, 80, ", %.9g at step %.0f", search.of(search.scheduled->run, search.base, farthest),
                           farthest);
}

static optim_status check_option(const scheduled_t *scheduled, int option, schedule_value_t *of) {
    const option_t *row = station_row(scheduled->station, scheduled->group, option);
    const schedule_run_t *run = scheduled->run;
    const double base = scheduled->station->values[scheduled->group].base[option];
    const extremes_t extremes = schedule_extremes(run, of, base, 0, HUGE_VAL);
    search_t search = {scheduled, option, of, base, .below = -HUGE_VAL, .above = HUGE_VAL, .tries = TRIES};
    double at;
    if (find_first(&search, 0, HUGE_VAL, &at)) {
        char also[80];
        const double value = of(run, base, at);
        const fault_t fault = fault_of(&search, value);
        say_farthest(search, extremes, at, value, also);
        return error_set(OPTIM_ERR_VALUE, "option \"%s\" would be %.9g at step %.0f%s under schedule \"%s\"; %s%s",
                         row->name, value, at, also, run->schedule->name, fault.what, fault.detail);
    }
    search.off = true; /* own_value keeps it from 0 */
    if (!schedule_listens(run) || !has_fault(&search, extremes))
        return OPTIM_OK;
    const fault_t least = fault_of(&search, extremes.least), most = fault_of(&search, extremes.most);
    return error_set(
        OPTIM_ERR_VALUE,
        "option \"%s\" could be anything from %.9g to %.9g under schedule \"%s\", as metrics are reported; "
        "%s%s",
        row->name, extremes.least, extremes.most, run->schedule->name, least.what == NULL ? most.what : least.what,
        least.what == NULL ? most.detail : least.detail);
}

optim_status scheduled_check(const scheduled_t *scheduled) {
    const station_t *station = scheduled->station;
    const double *base = station->values[scheduled->group].base;
    const schedule_t *at;
    const char *wrong;
    optim_status status = OPTIM_OK;
    if (schedule_refuses(scheduled->run, base[scheduled->option], &at, &wrong))
        return error_set(OPTIM_ERR_VALUE, "option \"%s\" cannot be %.17g under its schedule \"%s\": %s",
                         station_row(station, scheduled->group, scheduled->option)->name, base[scheduled->option],
                         at->name, wrong);
    if (!scheduled_is_off(scheduled))
        status = check_option(scheduled, scheduled->option, schedule_value);
    if (status == OPTIM_OK && scheduled->momentum >= 0 && base[scheduled->momentum] >= 0)
        status = check_option(scheduled, scheduled->momentum, schedule_momentum);
    return status;
}

optim_status schedules_check(const optim_t *opt, const station_t *station, int group) {
    optim_status status = OPTIM_OK;
    for (size_t i = 0; status == OPTIM_OK && i < opt->scheduled_count; ++i) {
        const scheduled_t *scheduled = &opt->scheduled[i];
        if (scheduled->station == station && (scheduled->group == group || !station->per_group))
            status = scheduled_check(scheduled);
    }
    return status;
}
