#include "resume.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "element.h"
#include "script.h"
#include "subject.h"

/* ---- What is saved and resumed ---- */

typedef struct form {
    optim_dtype dtype, grad_dtype;
    int groups;
    const char *options;
} form_t;

#define EVERYWHERE "nonfinite=skip,accumulate=1"
static const form_t FORMS[] = {
    {OPTIM_F64, OPTIM_F64, 1, EVERYWHERE},
    {OPTIM_F32, OPTIM_F32, 1, EVERYWHERE},
    {OPTIM_BF16, OPTIM_BF16, 1, EVERYWHERE},
    {OPTIM_F16, OPTIM_F16, 1, EVERYWHERE},
    {OPTIM_F32, OPTIM_BF16, 1, EVERYWHERE},
    {OPTIM_F32, OPTIM_F32, 2, EVERYWHERE ",clip_norm=2,maximize=1,seed=9007199254740991"},
    {OPTIM_F32, OPTIM_F32, 1, "loss_scale=1024,loss_scale_interval=2,accumulate=1,accumulate_clip=3"},
    {OPTIM_BF16, OPTIM_BF16, 1, EVERYWHERE ",master=f32"},
    {OPTIM_BF16, OPTIM_F32, 1, EVERYWHERE ",master=f32,rounding=stochastic"},
    {OPTIM_BF16, OPTIM_BF16, 2, EVERYWHERE ",rounding=stochastic,seed=7"},
    {OPTIM_BF16, OPTIM_BF16, 1, EVERYWHERE ",rounding=kahan"},
    {OPTIM_F16, OPTIM_F16, 1, EVERYWHERE ",rounding=kahan"},
    {OPTIM_F32, OPTIM_F32, 1, EVERYWHERE ",state_dtype=bf16,state_min=0"},
    {OPTIM_F64, OPTIM_F64, 1, EVERYWHERE ",state_dtype=f32,state_min=20"},
    {OPTIM_F32, OPTIM_F32, 1, EVERYWHERE ",state_dtype=int8,state_min=0,state_block=7"},
    {OPTIM_BF16, OPTIM_BF16, 2, EVERYWHERE ",state_dtype=int8,state_min=20,master=f32"},
    {OPTIM_F64, OPTIM_F64, 1, EVERYWHERE ",state_dtype=int4,state_min=0,state_block=7"},
};
enum { FORM_COUNT = sizeof FORMS / sizeof *FORMS };

/* On lr; what reports teach some of them is part of the state. */
static const char *const SCHEDULES[][2] = {
    {"constant", "factor=0.5,steps=3"},
    {"linear", "steps=9"},
    {"step", "step_size=3"},
    {"multistep", "milestones=2;5"},
    {"exponential", "gamma=0.9"},
    {"polynomial", "steps=20,power=2"},
    {"cosine", "steps=20"},
    {"cosine_restarts", "period=3,mult=2"},
    {"cyclic", "lr_max=0.5,step_up=3"},
    {"onecycle", "steps=20"},
    {"noam", "d_model=64,warmup=4"},
    {"inverse_sqrt", "warmup=3"},
    {"warmup_linear", "warmup=3,steps=20"},
    {"warmup_cosine", "warmup=3,steps=20"},
    {"wsd", "warmup=2,steps=20,cooldown=10"},
    {"rex", "steps=20"},
    {"uba", "steps=20,phi=2"},
    {"piecewise", "boundaries=3;7,factors=1;0.5;0.25,interpolate=cos"},
    {"lr_range", "lr_max=0.5,steps=20"},
    {"sequence", "milestones=3,children=linear(steps=3);exponential(gamma=0.9)"},
    {"chain", "children=linear(steps=3);exponential(gamma=0.9)"},
    {"table", "factors=1;0.5;0.25;0.75;0.6"},
    {"plateau", "patience=1,factor=0.5"},
    {"greedy", "patience=0,factor=0.5,window=2,warmup=1"},
    {"volsched", "window=2,steps=20,warmup=2"},
    {"demon", "steps=20"},
    {"refined", "norms=3;2.5;2;2;1.5;1;1;1;0.5;0.5;0.25;0.125,tau=0.3"},
    {"sequence",
     "milestones=2;5,children=plateau(patience=0);volsched(window=2,steps=9);plateau(patience=1,factor=0.25)"},
    {"chain", "children=plateau(patience=1,factor=0.5);sequence(milestones=4,children=constant;plateau(patience=0))"},
};
enum { SCHEDULE_COUNT = sizeof SCHEDULES / sizeof *SCHEDULES };

typedef struct resumed {
    const subject_t *subject;
    const char *const *schedule; /* name and options, or NULL */
    char *label;
    size_t index;
} resumed_t;

enum { BATCH = 500 }; /* subjects that are saved before they are resumed: they lie in files meanwhile */

/* Where the processes meet, and what they have done. */
static char folder[200];
static bool whole;
static size_t runs, moments, files;

static const char *in_folder(size_t index, int form, int moment, const char *end) {
    static char path[300];
    (void)snprintf(path, sizeof path, "%s/%zu-%d-%d%s", folder, index, form, moment, end);
    return path;
}

/* Numbers without a pattern, so that forms, moments and ways of loading all meet. */
static size_t mixed(const resumed_t *r, size_t form, int moment) {
    const uint64_t all = (r->index * FORM_COUNT + form) * SCRIPT_MOMENTS + (size_t)moment;
    return (size_t)((all + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

/* The sample: of algorithms by themselves every form, of all else one or two; a sixth of the moments. */
static bool takes_form(const resumed_t *r, size_t form) {
    const bool plain = r->subject->wraps == 0 && !r->subject->is_variant && r->schedule == NULL;
    return whole || plain || form == r->index % FORM_COUNT || form == (r->index + 5) % FORM_COUNT;
}
static bool takes_moment(const resumed_t *r, size_t form, int moment) {
    return whole || mixed(r, form, moment) % 6 == 0;
}
static bool goes_by_file(const resumed_t *r, size_t form, int moment) {
    return mixed(r, form, moment) / 6 % 2 == 0;
}

static setup_t setup_of(const resumed_t *r, size_t form) {
    setup_t setup = subject_setup(r->subject);
    setup.dtype = FORMS[form].dtype;
    setup.grad_dtype = FORMS[form].grad_dtype;
    setup.groups = FORMS[form].groups;
    setup.extra = FORMS[form].options;
    return setup;
}

static size_t parameter_bytes(const rig_t *rig) {
    size_t bytes = 0;
    for (int i = 0; i < rig->count; ++i)
        bytes += rig->tensor[i].count * element_size(rig->tensor[i].dtype);
    return bytes;
}

/* ---- Messages between the processes ---- */

typedef struct blob {
    size_t size;
    void *bytes;
} blob_t;

static blob_t state_of(const rig_t *rig) {
    blob_t state;
    state.bytes = check_serialized(rig->opt, &state.size);
    return state;
}

static blob_t parameters_of(const rig_t *rig) {
    return (blob_t){parameter_bytes(rig), rig_snapshot(rig)};
}

static void put(FILE *to, const void *bytes, size_t size) {
    assert_int_equal(fwrite(bytes, 1, size, to), size);
}
static void get(FILE *from, void *bytes, size_t size) {
    assert_int_equal(fread(bytes, 1, size, from), size);
}

static void put_blob(FILE *to, blob_t blob) {
    put(to, &blob.size, sizeof blob.size);
    put(to, blob.bytes, blob.size);
    free(blob.bytes);
}
static blob_t get_blob(FILE *from) {
    blob_t blob;
    get(from, &blob.size, sizeof blob.size);
    blob.bytes = check_memory(blob.size, 1);
    get(from, blob.bytes, blob.size);
    return blob;
}

/* ---- The process that saves ---- */

static void save_moment(const resumed_t *r, size_t form, int moment, const rig_t *rig, FILE *to) {
    const char *path = in_folder(r->index, (int)form, moment, ".optim");
    put(to, &moment, sizeof moment);
    put_blob(to, parameters_of(rig));
    if (!goes_by_file(r, form, moment)) {
        put_blob(to, state_of(rig));
        return;
    }
    put_blob(to, (blob_t){0, NULL});
    if (moment % 2 == 0) {
        CHECK_OK(optim_save(rig->opt, path));
    } else {
        CHECK_OK(optim_save_async(rig->opt, path)); /* it goes on: the next save waits */
    }
}

/* Runs the script once and writes: the form; a moment, the parameters, the state, for every moment; -1; the end. */
static void run_straight(const resumed_t *r, size_t form, FILE *to) {
    rig_t *rig = subject_try(r->subject, setup_of(r, form));
    trace_t trace = {{0}};
    const int end = -1;
    if (rig == NULL)
        return; /* some forms are for element-wise methods only, and say so */
    if (r->schedule != NULL)
        CHECK_OK(optim_set_schedule(rig->opt, -1, "lr", r->schedule[0], r->schedule[1]));
    put(to, &form, sizeof form);
    for (int moment = 0; moment < SCRIPT_MOMENTS; ++moment) {
        if (takes_moment(r, form, moment))
            save_moment(r, form, moment, rig, to);
        if (moment < SCRIPT_ACTIONS)
            script_act(rig, moment, &trace);
    }
    CHECK_OK(optim_save_wait(rig->opt));
    put(to, &end, sizeof end);
    put(to, &trace, sizeof trace);
    put_blob(to, parameters_of(rig));
    put_blob(to, state_of(rig));
    rig_free(rig);
}

static void save_all(void **state) {
    const resumed_t *r = *state;
    FILE *to = fopen(in_folder(r->index, 0, 0, ""), "wb");
    assert_non_null(to);
    for (size_t form = 0; form < FORM_COUNT; ++form)
        if (takes_form(r, form))
            run_straight(r, form, to);
    assert_int_equal(fclose(to), 0);
}

/* ---- The process that goes on ---- */

typedef struct saved {
    int moment;
    blob_t parameters, state;
} saved_t;

typedef struct run {
    size_t form;
    int count;
    saved_t saved[SCRIPT_MOMENTS];
    trace_t trace;
    blob_t parameters, state; /* at the end */
} run_t;

/* False: there are no more. */
static bool get_run(FILE *from, run_t *run) {
    *run = (run_t){0};
    if (fread(&run->form, sizeof run->form, 1, from) != 1)
        return false;
    for (;;) {
        saved_t *saved = &run->saved[run->count];
        get(from, &saved->moment, sizeof saved->moment);
        if (saved->moment < 0)
            break;
        saved->parameters = get_blob(from);
        saved->state = get_blob(from);
        ++run->count;
    }
    get(from, &run->trace, sizeof run->trace);
    run->parameters = get_blob(from);
    run->state = get_blob(from);
    return true;
}

static void free_run(run_t *run) {
    for (int i = 0; i < run->count; ++i) {
        free(run->saved[i].parameters.bytes);
        free(run->saved[i].state.bytes);
    }
    free(run->parameters.bytes);
    free(run->state.bytes);
}

/* A handle to load into: fresh; on other threads and another alignment; or one that has done something else. */
static rig_t *receiver(const resumed_t *r, size_t form, size_t way) {
    setup_t setup = setup_of(r, form);
    if (way == 1) {
        setup.threads = 2;
        setup.misalign = setup.dtype == OPTIM_F64 ? 8 : 2;
    }
    rig_t *rig = subject_rig(r->subject, setup);
    if (way < 2)
        return rig;
    trace_t trace;
    for (int action = 0; action < 3; ++action) /* a micro-batch is pending */
        script_act(rig, action, &trace);
    return rig;
}

static void load(const resumed_t *r, size_t form, const saved_t *saved, rig_t *rig) {
    if (saved->state.size > 0) {
        CHECK_OK(optim_deserialize(rig->opt, saved->state.bytes, saved->state.size));
        return;
    }
    const char *path = in_folder(r->index, (int)form, saved->moment, ".optim");
    CHECK_OK(optim_load(rig->opt, path));
    assert_int_equal(unlink(path), 0);
    ++files;
}

static void check_same_state(blob_t got, blob_t want, const char *what) {
    size_t at = 0;
    while (at < got.size && at < want.size && ((char *)got.bytes)[at] == ((char *)want.bytes)[at])
        ++at;
    if (at < got.size || at < want.size) {
        const size_t from = at < 60 ? 0 : at - 60;
        fail_msg("%s: the state differs at byte %zu (of %zu, %zu): ...%.120s...  is not  ...%.120s...", what, at,
                 got.size, want.size, (char *)got.bytes + from, (char *)want.bytes + from);
    }
}

static void go_on(const resumed_t *r, const run_t *run, const saved_t *saved) {
    const size_t way = mixed(r, run->form, saved->moment) / 12 % 4;
    rig_t *rig = receiver(r, run->form, way);
    trace_t trace = run->trace;
    char *what = check_text("form %zu, after %s (moment %d), loaded in way %zu", run->form,
                            script_name(saved->moment - 1), saved->moment, way);
    if (way % 2 == 0)
        rig_restore(rig, saved->parameters.bytes);
    load(r, run->form, saved, rig);
    if (way % 2 == 1)
        rig_restore(rig, saved->parameters.bytes); /* the order of loading is the caller's choice */
    script_enter(rig, saved->moment);
    for (int action = saved->moment; action < SCRIPT_ACTIONS; ++action)
        script_act(rig, action, &trace);
    rig_check_snapshot(rig, run->parameters.bytes, what);
    for (int action = 0; action < SCRIPT_ACTIONS; ++action) {
        if (trace.status[action] != run->trace.status[action])
            fail_msg("%s: action %d returned %d, not %d", what, action, trace.status[action],
                     run->trace.status[action]);
        if (trace.sample[action] != run->trace.sample[action])
            fail_msg("%s: action %d wants sample %d, not %d", what, action, trace.sample[action],
                     run->trace.sample[action]);
    }
    const blob_t state = state_of(rig);
    check_same_state(state, run->state, what);
    free(state.bytes);
    free(what);
    rig_free(rig);
    ++moments;
}

static void go_on_all(void **state) {
    const resumed_t *r = *state;
    const char *path = in_folder(r->index, 0, 0, "");
    FILE *from = fopen(path, "rb");
    assert_non_null(from);
    assert_int_equal(unlink(path), 0);
    for (run_t run; get_run(from, &run); free_run(&run), ++runs)
        for (int i = 0; i < run.count; ++i)
            go_on(r, &run, &run.saved[i]);
    (void)fclose(from);
}

/* ---- Both ---- */

static const subject_t *find_subject(const subject_t *subjects, size_t count, const char *algorithm, int wraps) {
    for (size_t i = 0; i < count; ++i)
        if (strcmp(subjects[i].algorithm, algorithm) == 0 && subjects[i].wraps == wraps)
            return &subjects[i];
    return NULL;
}

/* Every subject, and every schedule over one that has momentum to drive and over one in a wrapper. */
static resumed_t *list(const subject_t *subjects, size_t count, size_t *total) {
    const subject_t *const under[] = {find_subject(subjects, count, "adamw", 0),
                                      find_subject(subjects, count, "sgd", 1)};
    resumed_t *all = check_memory(count + 2 * SCHEDULE_COUNT, sizeof *all);
    const char *chosen = getenv("GRADOPT_SUBJECT");
    *total = 0;
    for (size_t i = 0; i < count + 2 * SCHEDULE_COUNT; ++i) {
        resumed_t r = {.subject = i < count ? &subjects[i] : under[i % 2], .index = i};
        r.schedule = i < count ? NULL : SCHEDULES[(i - count) / 2];
        r.label = check_text("resume: %s%s%s", r.subject->label, r.schedule == NULL ? "" : " under ",
                             r.schedule == NULL ? "" : r.schedule[0]);
        if (chosen == NULL || strstr(r.label, chosen) != NULL)
            all[(*total)++] = r;
        else
            free(r.label);
    }
    return all;
}

/* A schedule that is new must be tried here too. */
static void check_schedules_are_listed(void) {
    for (size_t i = 0; i < optim_schedule_count(); ++i) {
        bool listed = false;
        for (size_t k = 0; k < SCHEDULE_COUNT; ++k)
            listed = listed || strcmp(SCHEDULES[k][0], optim_schedule_name(i)) == 0;
        if (!listed) {
            (void)fprintf(stderr, "schedule \"%s\" is not resumed\n", optim_schedule_name(i));
            exit(EXIT_FAILURE);
        }
    }
}

/* Runs the test on number first, first + 1, ... of all, a batch; *more: there are others behind it. */
static int test_each(CMUnitTestFunction test, size_t first, bool *more) {
    size_t subject_count, refused, count;
    subject_t *subjects = subjects_new(whole, &subject_count, &refused);
    resumed_t *all = list(subjects, subject_count, &count);
    struct CMUnitTest *tests = check_memory(count + 1, sizeof *tests);
    size_t end = first;
    for (; end < count && end < first + BATCH; ++end)
        tests[end - first] = (struct CMUnitTest){all[end].label, test, NULL, NULL, &all[end]};
    const int failed = _cmocka_run_group_tests("resume", tests, end - first, NULL, NULL);
    *more = end < count;
    for (size_t i = 0; i < count; ++i)
        free(all[i].label);
    free(all);
    free(tests);
    subjects_free(subjects, subject_count);
    return failed;
}

/* Starts this program again, as the one that goes on. Its exit status. */
static int go_on_elsewhere(const char *program, size_t first) {
    char *number = check_text("%zu", first);
    int status = 1;
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        (void)execl("/proc/self/exe", program, folder, number, (char *)NULL);
        _exit(127);
    }
    free(number);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return 1;
    return WEXITSTATUS(status);
}

/* In memory where there is such a file system: thousands of files, each flushed to the disk, would take minutes. */
static bool make_folder(void) {
    static const char NAME[] = "gradopt-resume-XXXXXX";
    const char *chosen = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s/%s", chosen == NULL ? "/dev/shm" : chosen, NAME);
    if (mkdtemp(folder) != NULL)
        return true;
    (void)snprintf(folder, sizeof folder, "/tmp/%s", NAME);
    return mkdtemp(folder) != NULL;
}

/* Whatever a failure left there goes too. False: there was something. */
static bool remove_folder(void) {
    bool empty = true;
    DIR *listing = opendir(folder);
    if (listing == NULL)
        return false;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        char path[600];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)unlink(path);
        empty = false;
    }
    (void)closedir(listing);
    return rmdir(folder) == 0 && empty;
}

int resume_run(int count, char **argument, bool all) {
    bool more = true;
    whole = all;
    if (count == 3) { /* the process that goes on */
        (void)snprintf(folder, sizeof folder, "%s", argument[1]);
        const int failed = test_each(go_on_all, strtoul(argument[2], NULL, 10), &more);
        (void)printf("%zu runs resumed at %zu moments, %zu of them through files\n", runs, moments, files);
        return failed != 0;
    }
    check_schedules_are_listed();
    if (!make_folder())
        return 1;
    int failed = 0;
    for (size_t first = 0; failed == 0 && more; first += BATCH) {
        failed = test_each(save_all, first, &more);
        failed = failed == 0 ? go_on_elsewhere(argument[0], first) : failed;
    }
    const bool loaded = remove_folder(); /* which removes what it has loaded */
    return failed != 0 || !loaded;
}
