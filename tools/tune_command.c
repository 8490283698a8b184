/* gradopt tune: the user's command, started with a configuration in its words, and the loss that it prints last. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/number.h"
#include "tool.h"
#include "tune.h"

enum { PLACES = 6 };
static const char *const PLACE[PLACES] = {"{method}", "{options}", "{config}", "{budget}", "{spent}", "{checkpoint}"};

static bool mentions(char *const *words, const char *place) {
    for (; *words != NULL; ++words)
        if (strstr(*words, place) != NULL)
            return true;
    return false;
}

int command_refuse(char *const *words) {
    if (*words == NULL)
        return print_error("gradopt tune: no command stands behind --");
    for (int i = 1; i < PLACES; i += 2) /* {options}, {budget}: all runs would be the same */
        if (i < 5 && !mentions(words, PLACE[i]))
            return print_error("gradopt tune: %s stands nowhere in the command; see gradopt tune --help", PLACE[i]);
    return DONE;
}

/* The word with what the places stand for; NULL: no memory. */
static char *fill(const char *word, const char *const value[PLACES]) {
    size_t room = strlen(word) + 1, used = 0;
    for (const char *at = word; *at != '\0'; ++at)
        for (int i = 0; i < PLACES; ++i)
            room += strncmp(at, PLACE[i], strlen(PLACE[i])) == 0 ? strlen(value[i]) : 0;
    char *text = malloc(room);
    while (text != NULL && *word != '\0') {
        int i = 0;
        while (i < PLACES && strncmp(word, PLACE[i], strlen(PLACE[i])) != 0)
            ++i;
        if (i == PLACES) {
            text[used++] = *word++;
            continue;
        }
        memcpy(text + used, value[i], strlen(value[i]));
        used += strlen(value[i]);
        word += strlen(PLACE[i]);
    }
    if (text != NULL)
        text[used] = '\0';
    return text;
}

static void free_words(char **words) {
    for (size_t i = 0; words != NULL && words[i] != NULL; ++i)
        free(words[i]);
    free((void *)words);
}

static char **fill_all(char *const *words, const trial_t *trial) {
    char config[NUMBER_TEXT], budget[NUMBER_TEXT], spent[NUMBER_TEXT];
    size_t count = 0;
    while (words[count] != NULL)
        ++count;
    number_text((double)trial->config, config);
    number_text(trial->budget, budget);
    number_text(trial->spent, spent);
    const char *const value[PLACES] = {trial->method, trial->options, config, budget, spent, trial->checkpoint};
    char **filled = (char **)calloc(count + 1, sizeof *filled);
    for (size_t i = 0; filled != NULL && i < count; ++i) {
        filled[i] = fill(words[i], value);
        if (filled[i] == NULL) {
            free_words(filled);
            return NULL;
        }
    }
    return filled;
}

static void note(trial_t *trial, const char *what, const char *why) {
    trial->loss = (double)INFINITY;
    (void)snprintf(trial->note, sizeof trial->note, "%s%s", what, why);
}

/* Its output into a pipe, its complaints into the log, nothing to read. */
static int spawn(char **words, const char *log, const int pipe_ends[2], pid_t *process) {
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (error == 0)
        error = posix_spawnp(process, words[0], &actions, NULL, words, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

running_t command_start(char *const *words, trial_t *trial) {
    running_t running = {0, -1};
    int ends[2];
    char **filled = fill_all(words, trial);
    if (filled == NULL || filled[0] == NULL || pipe(ends) != 0) {
        note(trial, "cannot be started: ", strerror(errno));
        free_words(filled);
        return running;
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC); /* or other runs would hold it open */
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    const int error = spawn(filled, trial->log, ends, &running.process);
    (void)close(ends[1]);
    if (error != 0) {
        note(trial, "cannot be started: ", strerror(error));
        running.process = 0;
        (void)close(ends[0]);
    } else
        running.output = ends[0];
    free_words(filled);
    return running;
}

/* The last line with anything in it, cut to `room`. */
static void read_last_line(int output, char *line, size_t room) {
    size_t used = 0;
    bool ended = false;
    char bytes[4096];
    ssize_t count;
    line[0] = '\0';
    while ((count = read(output, bytes, sizeof bytes)) > 0 || (count < 0 && errno == EINTR))
        for (ssize_t i = 0; i < count; ++i) {
            const bool is_end = bytes[i] == '\n', is_blank = is_end || bytes[i] == ' ' || bytes[i] == '\r';
            if (ended && !is_blank) {
                used = 0;
                ended = false;
            }
            ended |= is_end;
            if (!is_end && !ended && used + 1 < room)
                line[used++] = bytes[i];
            line[used] = '\0';
        }
}

/* The last word that is a number, or "nan". */
static bool find_loss(char *line, double *loss) {
    static const char BLANKS[] = " \t\r=:,";
    bool found = false;
    char *rest = NULL;
    for (char *word = strtok_r(line, BLANKS, &rest); word != NULL; word = strtok_r(NULL, BLANKS, &rest)) {
        double number;
        if (number_parse(word, strlen(word), &number)) {
            *loss = number;
            found = true;
        } else if (strcasecmp(word, "nan") == 0 || strcasecmp(word, "-nan") == 0) {
            *loss = (double)NAN;
            found = true;
        }
    }
    return found;
}

/* A log that nothing was written to is in the way. */
static void drop_empty(const char *path) {
    struct stat about;
    if (stat(path, &about) == 0 && about.st_size == 0)
        (void)remove(path);
}

bool command_finish(running_t *running, trial_t *trial) {
    char line[4096], number[NUMBER_TEXT];
    int status = 0;
    if (running->process == 0)
        return true;
    read_last_line(running->output, line, sizeof line);
    (void)close(running->output);
    while (waitpid(running->process, &status, 0) < 0 && errno == EINTR)
        ;
    drop_empty(trial->log);
    if (WIFSIGNALED(status)) {
        number_text(WTERMSIG(status), number);
        note(trial, "ended by signal ", number);
    } else if (WEXITSTATUS(status) != 0) {
        number_text(WEXITSTATUS(status), number);
        note(trial, "exit status ", number);
    } else if (!find_loss(line, &trial->loss))
        note(trial, "no number in the last line printed", "");
    return !WIFSIGNALED(status) || WTERMSIG(status) != SIGINT;
}
