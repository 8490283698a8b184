/*
 * Thousands of clients in one process: rules of servers (optim/federated.h) over a simulated fleet with slow clients,
 * slow lines and crashes, which trains softmax regression on the digits, two labels a client. Prints when each rule has
 * brought the loss to a target, what was carried until then, and how old the updates were.
 * Usage: federated [KEY=VALUE ...]     `federated help` lists the keys; examples/federated.sh draws the lines of it
 */
#include <math.h>
#include <optim/federated.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "federation.h"

typedef struct settings {
    double clients, active, seconds, target, seed;
    double lr, local_steps, rows, batch, mixed, bytes, deadline, period;
    fleet_model_t model;
    const char *rule, *options, *logs, *data;
} settings_t;

static settings_t set = {
    .clients = 100,
    .active = 20,
    .seconds = 600,
    .target = 0.5,
    .seed = 1,
    .lr = 2,
    .local_steps = 5,
    .rows = 20,
    .batch = 10,
    .bytes = 5e6,
    .period = 10,
    .model = {.step = 0.5,
              .spread = 0.5,
              .stragglers = 0.1,
              .slow = 10,
              .jitter = 0.3,
              .down = 5e6,
              .up = 1e6,
              .link_spread = 0.5,
              .latency = 0.1,
              .server = 1.25e9,
              .failures = 1e-3,
              .notice = 10,
              .repair = 60},
};

static const struct {
    const char *key;
    double *value;
    double lowest, most; /* most: of whole numbers; 0: any number */
    const char *meaning;
} NUMBERS[] = {
    {"clients", &set.clients, 1, 1e7, "how many there are"},
    {"active", &set.active, 1, 1e7, "that train at a time; in fedfix and favano all do"},
    {"seconds", &set.seconds, 1e-9, 0, "that are simulated"},
    {"target", &set.target, 0, 0, "loss over all training images that is waited for"},
    {"seed", &set.seed, 0, 9e15, "of all that is drawn"},
    {"lr", &set.lr, 0, 0, "rate of the local steps"},
    {"local_steps", &set.local_steps, 1, 1e6, "of a task"},
    {"rows", &set.rows, 1, 1e6, "images of a client"},
    {"batch", &set.batch, 1, 1e6, "images of a local step"},
    {"mixed", &set.mixed, 0, 1, "1: clients hold images of all labels, 0: of two"},
    {"bytes", &set.bytes, 0, 0, "of a model on the wire, as if it were so large"},
    {"deadline", &set.deadline, 0, 0, "seconds after which a round ends without those that are late; 0: none"},
    {"period", &set.period, 1e-9, 0, "seconds between two moves of fedfix and favano"},
    {"step", &set.model.step, 0, 0, "seconds of a local step, at the median client"},
    {"spread", &set.model.spread, 0, 0, "of that over the clients: standard deviation of its logarithm"},
    {"stragglers", &set.model.stragglers, 0, 0, "share of the clients that are slow"},
    {"slow", &set.model.slow, 0, 0, "factor on their seconds"},
    {"jitter", &set.model.jitter, 0, 0, "of a task's time, exponential, in parts of it"},
    {"down", &set.model.down, 1e-9, 0, "bytes a second to the median client"},
    {"up", &set.model.up, 1e-9, 0, "and from it"},
    {"link_spread", &set.model.link_spread, 0, 0, "of these over the clients"},
    {"latency", &set.model.latency, 0, 0, "mean seconds of a message, exponential"},
    {"server", &set.model.server, 1e-9, 0, "bytes a second of the server's line, each way"},
    {"failures", &set.model.failures, 0, 0, "a second of a client's work"},
    {"notice", &set.model.notice, 0, 0, "seconds until the server sees that a client is gone"},
    {"repair", &set.model.repair, 0, 0, "mean seconds until that is back, exponential"},
};
static const struct {
    const char *key;
    const char **value;
    const char *meaning;
} WORDS[] = {
    {"rule", &set.rule, "this one alone"},
    {"options", &set.options, "of it, in place of the ones made from the above"},
    {"logs", &set.logs, "a folder for a file a rule: seconds loss accuracy commits updates bytes staleness"},
    {"data", &set.data, "the images, if not " DIGITS_CSV},
};
enum { NUMBER_COUNT = sizeof NUMBERS / sizeof *NUMBERS, WORD_COUNT = sizeof WORDS / sizeof *WORDS };

static void help(void) {
    printf("usage: federated [KEY=VALUE ...]\n\n");
    for (int i = 0; i < NUMBER_COUNT; ++i)
        printf("%-12s %-9g %s\n", NUMBERS[i].key, *NUMBERS[i].value, NUMBERS[i].meaning);
    for (int i = 0; i < WORD_COUNT; ++i)
        printf("%-22s %s\n", WORDS[i].key, WORDS[i].meaning);
}

static int read_number(int i, const char *text) {
    const double most = NUMBERS[i].most;
    char *end;
    const double value = *NUMBERS[i].value = strtod(text, &end);
    if (end != text && *end == '\0' && isfinite(value) && value >= NUMBERS[i].lowest &&
        (most == 0 || (value <= most && value == floor(value))))
        return 0;
    if (most == 0)
        fprintf(stderr, "%s must be a number from %g on, not \"%s\"\n", NUMBERS[i].key, NUMBERS[i].lowest, text);
    else
        fprintf(stderr, "%s must be a whole number from %g to %g, not \"%s\"\n", NUMBERS[i].key, NUMBERS[i].lowest,
                most, text);
    return -1;
}

static int read_setting(const char *text) {
    const size_t length = strcspn(text, "=");
    const char *value = text + length + 1;
    if (text[length] == '\0')
        return fprintf(stderr, "\"%s\" is not KEY=VALUE; `federated help` lists the keys\n", text), -1;
    for (int i = 0; i < WORD_COUNT; ++i)
        if (strncmp(text, WORDS[i].key, length) == 0 && WORDS[i].key[length] == '\0') {
            *WORDS[i].value = value;
            return 0;
        }
    for (int i = 0; i < NUMBER_COUNT; ++i)
        if (strncmp(text, NUMBERS[i].key, length) == 0 && NUMBERS[i].key[length] == '\0')
            return read_number(i, value);
    return fprintf(stderr, "there is no key \"%.*s\"; `federated help` lists them\n", (int)length, text), -1;
}

/* ---- The rules that are compared, and their options ---- */

enum { OPTIONS_TEXT = 256 };
static const struct {
    /* options: beside lr, local_steps, seed; @ stands for `active`, % for a tenth of it, # for `period` */
    const char *label, *rule, *options;
    double deadline; /* in tasks of the median client; 0: as set */
} CONTESTANTS[] = {
    {"fedavg", "fedavg", ",participation=random,s=@", 0},
    {"fedavg, deadline", "fedavg", ",participation=random,s=@", 2},
    {"fedprox", "fedprox", ",participation=random,s=@,mu=0.1", 0},
    {"scaffold", "scaffold", ",participation=random,s=@", 0},
    {"fedbuff", "fedbuff", ",buffer=%,server_lr=0.5", 0},
    {"fedasync", "fedasync", ",alpha=0.2", 0},
    {"fedfix", "fedfix", ",scheme=fixed,period=#", 0},
    {"favano", "favano", ",s=@", 0},
};
enum { CONTESTANT_COUNT = sizeof CONTESTANTS / sizeof *CONTESTANTS };

static double tenth(void) {
    return fmax(2, floor(set.active / 10));
}

static void make_options(int i, char text[OPTIONS_TEXT]) {
    const int asks = strcmp(CONTESTANTS[i].rule, "favano") == 0; /* it divides moves by their steps */
    int used = snprintf(text, OPTIONS_TEXT, "lr=%.17g,%s=%.17g,seed=%.17g", set.lr * (asks ? set.local_steps : 1),
                        asks ? "cap" : "local_steps", set.local_steps, set.seed);
    for (const char *at = CONTESTANTS[i].options; *at != '\0'; ++at) {
        const double value = *at == '@' ? set.active : *at == '%' ? tenth() : set.period;
        if (*at == '@' || *at == '%' || *at == '#')
            used += snprintf(text + used, (size_t)(OPTIONS_TEXT - used), "%.17g", value);
        else
            text[used++] = *at;
        text[used] = '\0';
    }
}

/* Seconds of the median client's task. */
static double task(void) {
    const fleet_model_t *m = &set.model;
    return set.bytes / m->down + set.bytes / m->up + 2 * m->latency + set.local_steps * m->step * (1 + m->jitter);
}

static void print_row(const char *label, const federation_t *f) {
    printf("%-17s", label);
    if (f->reached < 0)
        printf(" %8s %9s", "never", "");
    else
        printf(" %8.4g %9.3g", f->reached, f->reached_bytes / 1e9);
    printf(" %8.4f %8.1f %8.0f %8.0f %6.0f %9.2f %7.0f\n", f->loss, 100 * f->accuracy, f->commits, f->updates, f->lost,
           f->staleness, f->stale);
    (void)fflush(stdout);
}

static int run(const shards_t *shards, const char *label, const char *rule, const char *options, double deadline) {
    federation_t f = {.rule = rule,
                      .options = options,
                      .clients = (int64_t)set.clients,
                      .active = (int64_t)set.active,
                      .seconds = set.seconds,
                      .deadline = deadline,
                      .period = set.period,
                      .bytes = set.bytes,
                      .target = set.target,
                      .seed = (uint64_t)set.seed,
                      .model = set.model,
                      .shards = shards};
    if (set.logs != NULL) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s.txt", set.logs, label);
        f.log = fopen(path, "w");
        if (f.log == NULL)
            return perror(path), -1;
    }
    const int status = federation_run(&f);
    if (f.log != NULL && fclose(f.log) != 0)
        return perror(set.logs), -1;
    if (status == 0)
        print_row(label, &f);
    return status;
}

static int run_all(const shards_t *shards) {
    int status = 0;
    printf("%.0f clients, %.0f at a time; a task of the median client takes %.3g s; %.0f s\n", set.clients, set.active,
           task(), set.seconds);
    printf("%-17s %8s %9s %8s %8s %8s %8s %6s %9s %7s\n", "rule", "s until", "GB until", "loss", "test %", "commits",
           "updates", "lost", "staleness", "largest");
    for (int i = 0; i < CONTESTANT_COUNT && status == 0 && set.rule == NULL; ++i) {
        char options[OPTIONS_TEXT];
        make_options(i, options);
        status = run(shards, CONTESTANTS[i].label, CONTESTANTS[i].rule, options,
                     CONTESTANTS[i].deadline > 0 ? CONTESTANTS[i].deadline * task() : set.deadline);
    }
    for (int i = 0; i < CONTESTANT_COUNT && set.rule != NULL && set.options == NULL; ++i) {
        static char options[OPTIONS_TEXT];
        if (strcmp(CONTESTANTS[i].rule, set.rule) == 0) {
            make_options(i, options);
            set.options = options;
        }
    }
    return set.rule == NULL ? status : run(shards, set.rule, set.rule, set.options, set.deadline);
}

static int refuse_active(void) {
    fprintf(stderr, "active is %g, but there are %g clients\n", set.active, set.clients);
    return -1;
}

int main(int argc, char **argv) {
    shards_t shards = {.order = NULL};
    int status = 0;
    if (argc > 1 && strcmp(argv[1], "help") == 0)
        return help(), EXIT_SUCCESS;
    for (int i = 1; i < argc && status == 0; ++i)
        status = read_setting(argv[i]);
    if (status == 0 && set.active > set.clients)
        status = refuse_active();
    if (status == 0)
        status = shards_load(&shards, set.data, (size_t)set.rows, (size_t)set.batch, (uint64_t)set.seed);
    shards.mixed = set.mixed > 0;
    if (status == 0)
        status = run_all(&shards);
    shards_free(&shards);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
