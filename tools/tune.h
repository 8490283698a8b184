/* gradopt tune: what its parts share. */
#ifndef TOOLS_TUNE_H
#define TOOLS_TUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- What races: a method with values for its options, METHOD:KEY=VALUES,.. ---- */

/* One option: a range LOW..HIGH, or words of which one is drawn. */
typedef struct axis {
    char *key;
    bool is_range, whole;
    double low, high;
    char **word;
    size_t words, capacity;
} axis_t;

typedef struct space {
    char *method;
    axis_t *axis;
    size_t axes, capacity;
} space_t;

/* An exit status; it has complained unless that is DONE. */
int space_read(space_t *space, const char *text);
void space_free(space_t *space);

/* The option string of configuration `config`, NULL: no memory; *first becomes the value of the first range, or NaN. */
char *space_draw(const space_t *space, uint64_t seed, int64_t config, double *first);
/* The key of the first range, or NULL. */
const char *space_first(const space_t *space);

/* ---- A run of a configuration up to some budget ---- */

enum { NOTE_TEXT = 200 };

typedef struct trial {
    int64_t config;
    const char *method, *options;
    double budget, spent; /* in all; before */
    char *checkpoint, *log;
    double loss;          /* infinite or NaN: it failed, or diverged */
    char note[NOTE_TEXT]; /* why there is none */
} trial_t;

/* A problem of the tool's own, which takes as many evaluations as the budget says. */
bool problem_exists(const char *name);
int problem_refuse(const char *name);
void problem_train(const char *name, trial_t *trial);

/* The user's command, its words up to a NULL, {budget} and the like in them replaced. */
typedef struct running {
    pid_t process; /* 0: it could not be started */
    int output;
} running_t;
int command_refuse(char *const *words);
running_t command_start(char *const *words, trial_t *trial);
/* Waits; false: an interrupt ended it, and shall end the race. */
bool command_finish(running_t *running, trial_t *trial);

/* ---- What became of it ---- */

typedef struct entry {
    int64_t config;
    size_t space;
    char *options;
    double first, budget, loss;
    char note[NOTE_TEXT];
} entry_t;

typedef struct race {
    const char *rule, *problem, *folder; /* problem NULL: command */
    char **command, **text;              /* text: the spaces as given */
    uint64_t seed;
    int64_t jobs;
    bool json;
    space_t *space;
    size_t spaces;
    entry_t *entry; /* by number of the configuration */
    size_t entries, capacity;
} race_t;

/* The loss of a is the smaller one; the lower number if they are equal. What is not finite comes last. */
bool entry_is_better(const entry_t *a, const entry_t *b);
void race_print(const race_t *race);
/* FOLDER/race.png, if there is a gnuplot; what it draws lies beside it. */
void race_draw(const race_t *race);

#endif
