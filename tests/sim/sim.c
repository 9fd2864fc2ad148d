
/*
 * Copyright (C) Ficus authors
 */


/*
 * Runs schedules.  See README.md.
 */


#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fig_json.h"
#include "sim.h"
#include "sim_bugs.h"


typedef struct {
    uint64_t   first;
    uint64_t   last;
    bool       trace;
    bool       hash;
    bool       stats;
    bool       bugs;             /* list them */
    bool       go_on;            /* after a failure */
} sim_arguments_t;

typedef struct {
    uint64_t   schedules;
    uint64_t   failed;
    uint64_t   steps;
    uint64_t   level;            /* longest time until all was in step */
    uint64_t   level_seed;
    uint64_t   late;             /* schedules with more than 10 s */
    uint64_t   hash;
} sim_sum_t;


static bool sim_arguments(sim_arguments_t *arguments, int argc, char **argv);
static bool sim_argument(sim_arguments_t *arguments, const char *name,
    const char *value);
static bool sim_range(sim_arguments_t *arguments, const char *value);
static bool sim_kinds(const char *value);
static bool sim_repair(const char *value);
static void sim_all(const sim_arguments_t *arguments, sim_sum_t *sum);
static void sim_tell(uint64_t seed);
static void sim_crashed(int number);
static double sim_clock(void);


typedef struct {
    unsigned     kind;
    const char  *name;
} sim_kind_t;

static const sim_kind_t  sim_kind_names[] = {
    { SIM_F_CRASH, "crash" },
    { SIM_F_STOP, "stop" },
    { SIM_F_STORE, "store" },
    { SIM_F_NET, "net" },
    { SIM_F_BROKER, "broker" },
    { SIM_F_CONSUMER, "consumer" },
    { SIM_F_REPLAY, "replay" },
    { SIM_F_DEDUPE, "dedupe" },
    { SIM_F_LOSS, "loss" },
    { SIM_F_CLOCK, "clock" },
    { SIM_F_MUTE, "mute" },
    { SIM_F_ALL, "all" },
    { 0, "none" },
    { 0, NULL }
};


int
main(int argc, char **argv)
{
    double            start;
    sim_sum_t         sum;
    fig_json_t       *json;
    sim_arguments_t   arguments;
    fig_json_error_t  error;

    if (!sim_arguments(&arguments, argc, argv)) {
        (void) fputs("usage: sim [--seed N | --seeds FIRST-LAST] [--trace]\n"
                     "           [--faults KIND,...]\n"
                     "           [--repair yes|no]\n"
                     "           [--stats] [--hash] [--go-on]\n"
                     "           [--bugs | --bug NAME]\n"
                     "Kinds: crash stop store net broker consumer replay "
                     "dedupe loss clock; all, none.\n", stderr);
        return 2;
    }

    if (arguments.bugs) {
        sim_bugs_list();
        return 0;
    }

    /* what libraries keep for ever is not to lie in a process's memory */

    if (fig_json_parse(FIG_STR("{\"a\":1}"), &json, &error) == FIG_OK) {
        json_object_put(json);
    }

    (void) signal(SIGSEGV, sim_crashed);
    (void) signal(SIGABRT, sim_crashed);

    start = sim_clock();
    memset(&sum, 0, sizeof(sim_sum_t));
    sim_all(&arguments, &sum);

    (void) printf("%" PRIu64 " schedules, %" PRIu64 " failed, %.1f s\n",
                  sum.schedules, sum.failed, sim_clock() - start);

    if (arguments.stats) {
        (void) printf("%" PRIu64 " steps; in step again after %.3f s at most "
                      "(seed %" PRIu64 "), %" PRIu64 " times after more than "
                      "10 s\n", sum.steps, (double) sum.level / SIM_SECOND,
                      sum.level_seed, sum.late);
    }

    if (arguments.hash) {
        (void) printf("hash %016" PRIx64 "\n", sum.hash);
    }

    return sum.failed ? 1 : 0;
}


static bool
sim_arguments(sim_arguments_t *arguments, int argc, char **argv)
{
    int  i;

    memset(arguments, 0, sizeof(sim_arguments_t));
    arguments->first = 1;
    arguments->last = 1000;
    sim_options.faults = SIM_F_ALL;

    for (i = 1; i < argc; i++) {

        if (strcmp(argv[i], "--trace") == 0) {
            arguments->trace = true;

        } else if (strcmp(argv[i], "--stats") == 0) {
            arguments->stats = true;

        } else if (strcmp(argv[i], "--hash") == 0) {
            arguments->hash = true;

        } else if (strcmp(argv[i], "--bugs") == 0) {
            arguments->bugs = true;

        } else if (strcmp(argv[i], "--go-on") == 0) {
            arguments->go_on = true;

        } else if (i + 1 < argc
                   && sim_argument(arguments, argv[i], argv[i + 1]))
        {
            i++;

        } else {
            return false;
        }
    }

    return true;
}


static bool
sim_argument(sim_arguments_t *arguments, const char *name, const char *value)
{
    if (strcmp(name, "--seed") == 0 || strcmp(name, "--seeds") == 0) {
        return sim_range(arguments, value);
    }

    if (strcmp(name, "--faults") == 0) {
        return sim_kinds(value);
    }

    if (strcmp(name, "--repair") == 0) {
        return sim_repair(value);
    }

    if (strcmp(name, "--bug") == 0) {
        sim_options.bug = value;
        return sim_bug_known(value);
    }

    return false;
}


static bool
sim_range(sim_arguments_t *arguments, const char *value)
{
    size_t     len;
    fig_str_t  from, to;

    len = strcspn(value, "-");
    from = (fig_str_t) { len, value };
    to = value[len] ? fig_str_from(value + len + 1) : from;

    return fig_str_uint(from, INT64_MAX, &arguments->first) == FIG_OK
           && fig_str_uint(to, INT64_MAX, &arguments->last) == FIG_OK
           && arguments->first <= arguments->last;
}


static bool
sim_kinds(const char *value)
{
    size_t             len;
    const sim_kind_t  *kind;

    sim_options.faults = 0;

    for ( ;; ) {
        len = strcspn(value, ",");

        for (kind = sim_kind_names; kind->name; kind++) {

            if (strlen(kind->name) == len
                && memcmp(kind->name, value, len) == 0)
            {
                break;
            }
        }

        if (kind->name == NULL) {
            return false;
        }

        sim_options.faults |= kind->kind;
        value += len;

        if (*value++ == '\0') {
            return true;
        }
    }
}


static bool
sim_repair(const char *value)
{
    size_t  i;

    static const char *const  names[] = { "yes", "no" };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        if (strcmp(value, names[i]) == 0) {
            sim_options.repair = (sim_repair_t) i;
            return true;
        }
    }

    return false;
}


static void
sim_all(const sim_arguments_t *arguments, sim_sum_t *sum)
{
    uint64_t  seed, took;

    if (arguments->trace) {
        sim_trace_start(true);
    }

    for (seed = arguments->first; seed <= arguments->last; seed++) {

        sim_run(seed);

        sum->schedules++;
        sum->steps += sim.steps;
        sum->hash = sum->hash * 31 + sim.hash;

        took = sim.level ? sim.level - sim.healed : 0;
        sum->late += took > 10 * (uint64_t) SIM_SECOND;

        if (took > sum->level) {
            sum->level = took;
            sum->level_seed = seed;
        }

        if (!sim.failed) {
            continue;
        }

        sum->failed++;

        if (arguments->go_on) {
            (void) printf("seed %" PRIu64 ": %s\n", seed, sim.why);

        } else {
            sim_tell(seed);
            return;
        }
    }
}


/* the same once more, to tell how it came about */

static void
sim_tell(uint64_t seed)
{
    uint64_t  hash;

    hash = sim.hash;

    if (!sim.tracing) {
        sim_trace_start(false);
        sim_run(seed);
        sim_trace_tail();
        sim.tracing = false;
    }

    (void) printf("seed %" PRIu64 " failed: %s\n", seed, sim.why);

    if (sim.hash != hash) {
        (void) puts("it went another way when it was run again");
    }
}


static void
sim_crashed(int number)
{
    sim_memory_use(NULL);
    (void) signal(number, SIG_DFL);

    if (sim.tracing) {
        sim_trace_tail();
    }

    (void) printf("seed %" PRIu64 " failed: signal %d\n", sim.seed, number);
    (void) fflush(stdout);
    (void) raise(number);
}


static double
sim_clock(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}
