/*
 * gradopt: a look at checkpoints and at the registry from the command line, and races of methods; its USAGE says how,
 * tools/gradopt.1 is its manual page.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "optim/optim.h"
#include "tool.h"

static const char USAGE[] =
    "usage: gradopt inspect FILE              what a checkpoint holds; verifies every checksum\n"
    "       gradopt list [FAMILY [WORD]]      all methods, wrappers and schedules\n"
    "       gradopt describe NAME             one of them, or \"engine\": its options and states\n"
    "       gradopt port [CALL]               another library's call as a string of this one; all that are known\n"
    "       gradopt tune ... SPACE ...        a race of methods and options over a training of yours\n"
    "       gradopt help COMMAND, gradopt COMMAND --help\n"
    "       gradopt --help, --version\n"
    "\n"
    "options: --json  print JSON\n"
    "         --      what follows is no option\n"
    "\n"
    "exit status: 0  done; what was inspected is sound\n"
    "             1  inspect: damaged, not a checkpoint, of a newer format, or not to be read;\n"
    "                or the output cannot be written\n"
    "             2  not called as above, nothing is called NAME, or nothing has WORD\n";

enum { MOST_OPERANDS = 2 };

typedef struct command {
    const char *name;
    const char *operand[MOST_OPERANDS + 1]; /* their names, up to a NULL */
    int needed;                             /* operands that must be there */
    const char *usage;
} command_t;

static const command_t COMMANDS[] = {
    {"inspect",
     {"FILE"},
     1,
     "usage: gradopt inspect [--json] FILE\n\n"
     "Lists what a checkpoint holds and verifies every checksum. FILE \"-\" is standard input.\n"
     "With --json: an object with \"record\" (as the file has it), \"arrays\" and \"sound\".\n"},
    {"list",
     {"FAMILY", "WORD"},
     0,
     "usage: gradopt list [--json] [FAMILY [WORD]]\n\n"
     "Names all methods, wrappers and schedules, with a line on each. FAMILY: methods, wrappers,\n"
     "schedules, or a family of methods such as adaptive;\n"
     "WORD: only those that have it in their name or that line.\n"},
    {"describe",
     {"NAME"},
     1,
     "usage: gradopt describe [--json] NAME\n\n"
     "Tells of a method, a wrapper, a schedule or \"engine\" (what every method has): purpose, citation, options\n"
     "with range and default, states.\n"},
    {"port",
     {"CALL"},
     0,
     "usage: gradopt port [CALL]\n\n"
     "Prints what an optimizer or a schedule of another library is here: METHOD OPTIONS; WRAPPER OPTIONS.\n"
     "CALL: as a program has it, with the module's full name:\n"
     "    gradopt port 'torch.optim.AdamW(lr=3e-4, betas=(0.9, 0.95))'\n"
     "    gradopt port 'optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))'\n"
     "Arguments without a counterpart are refused; docs/porting.md has what differs, and more pairs.\n"
     "Without CALL: the names that it knows, and what each is here before its arguments are read.\n"},
    {"tune",
     {"SPACE"},
     1,
     "usage: gradopt tune [OPTION ...] SPACE ... -- COMMAND [WORD ...]\n"
     "       gradopt tune [OPTION ...] --problem quadratic|rosenbrock|logistic SPACE ...\n\n"
     "Races configurations by hyperband: many on a small budget, the best of them on a larger one.\n"
     "SPACE: METHOD[:KEY=VALUES,...]; VALUES: a value, A|B|C, or a range LOW..HIGH (by the logarithm where both are\n"
     "above 0). Without values for lr, it ranges from a hundredth of its default to a hundred times that.\n\n"
     "COMMAND is run once for each job. In its words these are replaced:\n"
     "  {method} {options}  as for optim_create: adamw and lr=0.003,weight_decay=0.01\n"
     "  {budget}            train until so much (steps, epochs, ..) has been spent in all, and save\n"
     "  {spent}             so much has been spent already: go on from the checkpoint; 0: begin\n"
     "  {checkpoint}        a file name of this configuration's own, to save to and load from\n"
     "  {config}            the configuration's number\n"
     "The last number on the last line that it prints is its loss, the smaller the better. An exit status other\n"
     "than 0, no number, inf and nan are the worst loss. Its standard error goes to FOLDER/CONFIG.log.\n\n"
     "options: --rule OPTIONS  of hyperband: max_resource=81,eta=3,min_resource=1,brackets=0 (0: all)\n"
     "         --seed N        of the values that are drawn (1)\n"
     "         --jobs N        so many commands at once (1)\n"
     "         --folder NAME   for checkpoints, logs, losses and the picture (gradopt-tune); the same call with the\n"
     "                         same folder goes on where an interrupted one was\n"
     "         --json          print the table as JSON\n"},
    {"help", {"COMMAND"}, 0, USAGE},
};
enum { COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS };

/* ---- Options ---- */

typedef struct options {
    bool help, version, json;
} options_t;

enum { HELP = 256, VERSION, JSON }; /* no letters */
static const struct option OPTIONS[] = {
    {"help", no_argument, NULL, HELP}, {"version", no_argument, NULL, VERSION}, {"json", no_argument, NULL, JSON}, {0}};

/* What getopt_long has just refused. `given`: the word; `what`: its optopt, a letter, one of the above, or 0:
   unknown. */
static int refuse_option(const char *given, int what) {
    if (what >= HELP)
        return print_error("gradopt: \"%s\": this option takes no value", given);
    if (what != 0)
        return print_error("gradopt: there is no option \"-%c\"; see gradopt --help", what);
    static const char *const NAMES[] = {"--help", "--version", "--json"};
    nearest_t nearest = nearest_begin(given, strlen(given));
    char question[NEAREST_TEXT];
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; ++i)
        nearest_offer(&nearest, NAMES[i], strlen(NAMES[i]));
    nearest_text(&nearest, question);
    return print_error("gradopt: there is no option \"%s\"%s; see gradopt --help", given, question);
}

/* Reads the options behind argument[0]; operands begin at argument[optind]. `letters`: "+h" stops at the first one. */
static int read_options(int count, char **argument, const char *letters, options_t *options) {
    int option;
    opterr = 0;
    optind = 0; /* begins anew */
    while ((option = getopt_long(count, argument, letters, OPTIONS, NULL)) != -1) {
        options->help |= option == HELP || option == 'h';
        options->version |= option == VERSION;
        options->json |= option == JSON;
        if (option == '?')
            return refuse_option(argument[optind - 1], optopt);
    }
    return DONE;
}

/* ---- Commands ---- */

static const command_t *find_command(const char *name) {
    nearest_t nearest = nearest_begin(name, strlen(name));
    char question[NEAREST_TEXT];
    for (size_t i = 0; i < COMMAND_COUNT; ++i) {
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
        nearest_offer(&nearest, COMMANDS[i].name, strlen(COMMANDS[i].name));
    }
    nearest_text(&nearest, question);
    (void)print_error("gradopt: no command is called \"%s\"%s; there are: inspect, list, describe, port, tune, "
                      "help",
                      name, question);
    return NULL;
}

static int refuse_operands(const command_t *command, int count, char **operand) {
    int most = 0;
    while (command->operand[most] != NULL)
        ++most;
    if (count >= command->needed && count <= most)
        return DONE;
    if (count < command->needed)
        return print_error("gradopt %s: %s is missing; see gradopt %s --help", command->name, command->operand[count],
                           command->name);
    return print_error("gradopt %s: \"%s\" is one word too many; see gradopt %s --help", command->name, operand[most],
                       command->name);
}

static int help(const char *name) {
    const command_t *command = name == NULL ? NULL : find_command(name);
    if (name != NULL && command == NULL)
        return MISUSED;
    printf("%s", command == NULL ? USAGE : command->usage);
    return DONE;
}

static int print_version(void) {
    printf("gradopt %s\n", optim_version());
    return DONE;
}

static int run_command(const command_t *command, char **operand, bool json) {
    if (strcmp(command->name, "inspect") == 0)
        return inspect(operand[0], json);
    if (strcmp(command->name, "describe") == 0)
        return describe(operand[0], json);
    if (strcmp(command->name, "port") == 0)
        return operand[0] == NULL ? list_ports() : port(operand[0]);
    if (strcmp(command->name, "list") == 0)
        return list(operand[0], operand[0] == NULL ? NULL : operand[1], json);
    return help(operand[0]);
}

/* Whether a word before "--" asks for help. */
static bool wants_help(int count, char **argument) {
    for (int i = 1; i < count && strcmp(argument[i], "--") != 0; ++i)
        if (strcmp(argument[i], "--help") == 0 || strcmp(argument[i], "-h") == 0)
            return true;
    return false;
}

/* A command, which stands at argument[0], with its options and operands. */
static int run_line(int count, char **argument, options_t *options) {
    if (strcmp(argument[0], "tune") == 0) { /* it has options of its own */
        options->help |= wants_help(count, argument);
        if (!options->help && !options->version)
            return tune(count, argument, options->json);
        count = 1;
    }
    if (read_options(count, argument, "h", options) != DONE)
        return MISUSED;
    if (options->help)
        return help(argument[0]);
    if (options->version)
        return print_version();
    const command_t *command = find_command(argument[0]);
    char **operand = argument + optind; /* a NULL ends them */
    if (command == NULL || refuse_operands(command, count - optind, operand) != DONE)
        return MISUSED;
    return run_command(command, operand, options->json);
}

/* What stands before the command, or alone. */
static int run(int count, char **argument) {
    options_t options = {false, false, false};
    if (read_options(count, argument, "+h", &options) != DONE)
        return MISUSED;
    const int first = optind < count ? optind : count;
    if (first < count)
        return run_line(count - first, argument + first, &options);
    if (options.help)
        return help(NULL);
    if (options.version)
        return print_version();
    fprintf(stderr, "%s", USAGE);
    return MISUSED;
}

/* What was printed is only done when it has been written, which may fail as late as this. */
static int close_output(int status) {
    const bool failed_before = ferror(stdout) != 0;
    errno = 0;
    if (failed_before) /* the reason is lost: a further line meets it again */
        (void)fputc('\n', stdout);
    if (fclose(stdout) == 0 && !failed_before)
        return status;
    fprintf(stderr, "gradopt: the output cannot be written%s%s\n", errno == 0 ? "" : ": ",
            errno == 0 ? "" : strerror(errno));
    return status == DONE ? FAILED : status;
}

int main(int count, char **argument) {
    return close_output(run(count, argument));
}
