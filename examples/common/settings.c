#include "settings.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog.h"
#include "digits.h"

static const char HELP[] =
    "Trains a two-layer perceptron on handwritten digits with any method of libgradopt.\n"
    "\n"
    "  -m, --method NAME          algorithm (adamw)\n"
    "  -o, --options \"k=v,...\"    its options and the engine's\n"
    "  -w, --wrap \"name:k=v,...\"  puts a wrapper around it; may be repeated, later ones lie outside\n"
    "      --schedule \"name:k=v\"  drives lr by a schedule; its clock counts steps\n"
    "      --matrix-split \"k=v\"   options of a second group that holds the biases, for example algorithm=adamw,lr=1e-2\n"
    "      --split-head           puts the last layer's weights into that group too\n"
    "  -e, --epochs N             passes over the training images, or steps with --batch 0 (20)\n"
    "  -b, --batch N              images a step, 0: all of them, as line searches need (64)\n"
    "      --hidden N             hidden units (64)\n"
    "      --seed N               of the first weights and the mini-batches (1)\n"
    "      --threads N            threads inside a step, 0: the library's default (0)\n"
    "      --eval-every N         steps between tests, 0: every 10, or every one with --batch 0 (0)\n"
    "      --data FILE            the images (" DIGITS_CSV ")\n"
    "      --log FILE             a line a step: step, passes over the data until its first loss, that loss, the loss\n"
    "                             smoothed, test accuracy or -\n"
    "      --grid                 prints the summary line and nothing else\n"
    "      --list                 lists algorithms, wrappers and schedules\n"
    "      --describe NAME        says what one of them, or \"engine\", is and which options it has\n"
    "\n"
    "The summary, the last line printed: method, loss over all training images and test accuracy at the method's output,\n"
    "steps to 95 % test accuracy (none: never), steps, evaluations, median ns a step inside optim_step, and bytes of\n"
    "state per parameter.\n";

enum { SCHEDULE = 256, MATRIX_SPLIT, SPLIT_HEAD, HIDDEN, SEED, THREADS, EVAL_EVERY, DATA, LOG, GRID, LIST, DESCRIBE };

static const struct option OPTIONS[] = {
    {"method", required_argument, NULL, 'm'},
    {"options", required_argument, NULL, 'o'},
    {"wrap", required_argument, NULL, 'w'},
    {"schedule", required_argument, NULL, SCHEDULE},
    {"matrix-split", required_argument, NULL, MATRIX_SPLIT},
    {"split-head", no_argument, NULL, SPLIT_HEAD},
    {"epochs", required_argument, NULL, 'e'},
    {"batch", required_argument, NULL, 'b'},
    {"hidden", required_argument, NULL, HIDDEN},
    {"seed", required_argument, NULL, SEED},
    {"threads", required_argument, NULL, THREADS},
    {"eval-every", required_argument, NULL, EVAL_EVERY},
    {"data", required_argument, NULL, DATA},
    {"log", required_argument, NULL, LOG},
    {"grid", no_argument, NULL, GRID},
    {"list", no_argument, NULL, LIST},
    {"describe", required_argument, NULL, DESCRIBE},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int parse_number(long *value, const char *option, const char *text, long lowest, long highest) {
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *value >= lowest && *value <= highest)
        return SETTINGS_RUN;
    fprintf(stderr, "--%s: \"%s\" is not a whole number from %ld to %ld\n", option, text, lowest, highest);
    return SETTINGS_WRONG;
}

static named_t parse_named(char *text) { /* "name" or "name:options" */
    char *colon = strchr(text, ':');
    if (colon == NULL)
        return (named_t){text, NULL};
    *colon = '\0';
    return (named_t){text, colon + 1};
}

static int add_wrapper(settings_t *s, char *text) {
    if (s->wrappers == SETTINGS_WRAPPERS) {
        fprintf(stderr, "--wrap: at most %d wrappers\n", SETTINGS_WRAPPERS);
        return SETTINGS_WRONG;
    }
    s->wrapper[s->wrappers++] = parse_named(text);
    return SETTINGS_RUN;
}

static int print_catalog(int status) {
    return status == 0 ? SETTINGS_DONE : SETTINGS_WRONG;
}

static int apply(settings_t *s, int option, char *text) {
    switch (option) {
    case 'm':
        s->method = text;
        break;
    case 'o':
        s->options = text;
        break;
    case 'w':
        return add_wrapper(s, text);
    case SCHEDULE:
        s->schedule = parse_named(text);
        break;
    case MATRIX_SPLIT:
        s->matrix_split = text;
        break;
    case SPLIT_HEAD:
        s->split_head = 1;
        break;
    case 'e':
        return parse_number(&s->epochs, "epochs", text, 1, 100000);
    case 'b':
        return parse_number(&s->batch, "batch", text, 0, 100000);
    case HIDDEN:
        return parse_number(&s->hidden, "hidden", text, 1, 4096);
    case SEED:
        return parse_number(&s->seed, "seed", text, 0, 1000000000);
    case THREADS:
        return parse_number(&s->threads, "threads", text, 0, 1024);
    case EVAL_EVERY:
        return parse_number(&s->eval_every, "eval-every", text, 0, 1000000);
    case DATA:
        s->data = text;
        break;
    case LOG:
        s->log = text;
        break;
    case GRID:
        s->grid = 1;
        break;
    case LIST:
        return print_catalog(catalog_list());
    case DESCRIBE:
        return print_catalog(catalog_describe(text));
    case 'h':
        fputs(HELP, stdout);
        return SETTINGS_DONE;
    default:
        fputs("--help shows the options\n", stderr);
        return SETTINGS_WRONG;
    }
    return SETTINGS_RUN;
}

int settings_parse(settings_t *settings, int argc, char **argv) {
    *settings = (settings_t){.method = "adamw", .epochs = 20, .batch = 64, .hidden = 64, .seed = 1, .data = DIGITS_CSV};
    int option;
    while ((option = getopt_long(argc, argv, "m:o:w:e:b:h", OPTIONS, NULL)) != -1) {
        const int status = apply(settings, option, optarg);
        if (status != SETTINGS_RUN)
            return status;
    }
    if (optind < argc) {
        fprintf(stderr, "\"%s\": not an option; --help shows them\n", argv[optind]);
        return SETTINGS_WRONG;
    }
    if (settings->split_head && settings->matrix_split == NULL) {
        fputs("--split-head needs --matrix-split\n", stderr);
        return SETTINGS_WRONG;
    }
    if (settings->eval_every == 0)
        settings->eval_every = settings->batch == 0 ? 1 : 10;
    return SETTINGS_RUN;
}
