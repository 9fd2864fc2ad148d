
/*
 * Copyright (C) Ficus authors
 */


/*
 * What the parts of the simulation share.  One thread runs everything; fibers
 * stand for the threads of the simulated processes.  A schedule is one run
 * from start to a verdict, and depends on its seed alone.
 *
 * Times are microseconds of simulated time.
 */


#ifndef SIM_H_INCLUDED
#define SIM_H_INCLUDED


#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fig_app.h"


#define SIM_NEVER    UINT64_MAX
#define SIM_MS       1000
#define SIM_SECOND   1000000

#define SIM_V1       0
#define SIM_V2       1
#define SIM_ORDERS   2
#define SIM_PROCESSES  3


/* kinds of trouble; each schedule has some of them */
#define SIM_F_CRASH    0x001   /* processes die at any step */
#define SIM_F_STOP     0x002   /* ... are stopped by SIGTERM, or frozen */
#define SIM_F_STORE    0x004   /* the store refuses, or does not answer */
#define SIM_F_NET      0x008   /* connections break, answers stay away */
#define SIM_F_BROKER   0x010   /* the broker dies and comes back */
#define SIM_F_CONSUMER 0x020   /* ... forgets what was acknowledged, or more */
#define SIM_F_REPLAY   0x040   /* ... sends again what was read long ago */
#define SIM_F_DEDUPE   0x080   /* ... stores a message twice */
#define SIM_F_LOSS     0x100   /* ... loses its tail, its stream, its head */
#define SIM_F_CLOCK    0x200   /* the wall clock jumps */
#define SIM_F_MUTE     0x400   /* the broker keeps what it stored to itself */
#define SIM_F_ALL      0x7ff


typedef struct sim_fiber_s    sim_fiber_t;
typedef struct sim_process_s  sim_process_t;
typedef struct sim_link_s     sim_link_t;

typedef void (*sim_run_pt)(void *data);
typedef void (*sim_event_pt)(void *data, uint64_t n);


typedef enum {
    SIM_DOWN = 0,
    SIM_STARTING,
    SIM_UP,
    SIM_STOPPING
} sim_state_t;

struct sim_process_s {
    unsigned             number;
    const char          *name;
    const fig_worker_t  *worker;
    fig_app_t           *app;
    void                *data;           /* the worker's */
    sim_state_t          state;
    uint64_t             life;           /* how often it was started */
    uint64_t             crash_in;       /* steps; 0: never */
    uint64_t             frozen;         /* until then */
    unsigned             handlers;       /* requests that run */
};


typedef struct {
    uint64_t             seed;
    uint64_t             now;
    uint64_t             random;
    uint64_t             hash;           /* of all that happened */
    uint64_t             steps;
    uint64_t             healed;         /* when trouble ended; 0: not yet */
    uint64_t             level;          /* when all was in step */
    int64_t              wall;           /* what the wall clock is off, us */
    unsigned             faults;         /* kinds of this schedule */
    unsigned             lost;           /* times the broker lost something */
    unsigned             odds;           /* per 1000, of small troubles */
    bool                 done;
    bool                 failed;
    bool                 tracing;
    char                 why[512];       /* what was violated */

    sim_fiber_t         *current;        /* NULL: the scheduler */
    sim_process_t        processes[SIM_PROCESSES];
} sim_t;

typedef enum {
    SIM_REPAIR_YES = 0,
    SIM_REPAIR_NO                        /* nobody answers who compares */
} sim_repair_t;

typedef struct {
    unsigned             faults;         /* kinds that may be chosen */
    sim_repair_t         repair;         /* comes back by itself */
    const char          *bug;            /* NULL: none */
} sim_options_t;


extern sim_t          sim;
extern sim_options_t  sim_options;


/* sim_random.c */

uint64_t sim_random(uint64_t n);                     /* below n */
uint64_t sim_between(uint64_t from, uint64_t to);
bool sim_odds(unsigned per_mille);
bool sim_trouble(unsigned kind);                     /* does it happen now? */
uint64_t sim_delay(void);                            /* of one small step */
void sim_mix(uint64_t n);


/* sim_trace.c: one line an event; the last ones are kept */

#define sim_trace(...)                                                        \
    do {                                                                      \
        if (sim.tracing) {                                                    \
            sim_trace_line(__VA_ARGS__);                                      \
        }                                                                     \
    } while (0)

void sim_trace_line(const char *fmt, ...) FIG_PRINTF(1, 2);
void sim_trace_start(bool print);
void sim_trace_tail(void);
void sim_violation(const char *fmt, ...) FIG_PRINTF(1, 2);


/* sim_memory.c: a process's memory dies with it, the schedule's with it */

void sim_memory_use(sim_process_t *process);         /* NULL: the host's */
void sim_memory_drop(sim_process_t *process);
void *sim_alloc(size_t size);                        /* zeroed */
fig_str_t sim_dup(fig_str_t s);
void sim_alloc_reset(void);


/*
 * sim_fiber.c.  wait: until somebody wakes the object's waiters; false: it is
 * late.  point: a step of a process, which may be its last.
 */

sim_fiber_t *sim_spawn(sim_process_t *process, const char *name,
    sim_run_pt run, void *data);
void sim_fibers_kill(const sim_process_t *process);
void sim_fibers_freeze(const sim_process_t *process, uint64_t until);
void sim_fibers_reset(void);
bool sim_wait(const void *object, uint64_t until);
void sim_wake(const void *object);
bool sim_wake_one(const void *object);
void sim_sleep(uint64_t us);
void sim_point(void);
void sim_at(uint64_t when, sim_event_pt event, void *data, uint64_t n);
void sim_loop(void);
sim_process_t *sim_process(void);                    /* NULL: the world */
const char *sim_fiber_name(void);


/* sim_process.c */

void sim_process_start(sim_process_t *process);
void sim_process_crash(sim_process_t *process);
void sim_process_stop(sim_process_t *process);
void sim_processes_init(void);

typedef struct {
    unsigned     status;              /* 0: it may have happened */
    bool         refused;             /* it has not */
    uint64_t     ver;                 /* of the ETag; 0: none */
    fig_str_t    body;
} sim_answer_t;

void sim_request(sim_process_t *process, const char *method,
    const char *path, fig_str_t id, fig_str_t body, sim_answer_t *answer);


/* sim_client.c, sim_faults.c: what happens in a schedule */

void sim_clients_start(void);
bool sim_clients_done(void);
bool sim_clients_touch(void);
void sim_faults_choose(void);
void sim_faults_start(void);
bool sim_faults_done(void);
void sim_faults_heal(void);

void sim_run(uint64_t seed);
void sim_begin(uint64_t seed);                       /* nobody runs yet */


#endif /* SIM_H_INCLUDED */
