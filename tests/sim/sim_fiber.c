
/*
 * Copyright (C) Ficus authors
 */


/*
 * Fibers, and the scheduler: the fiber or event with the earliest time runs
 * next.  Every wait takes a random while longer than it must, so that the
 * order of what happens at about the same time is chance.
 */


/* longjmp() leaves for other stacks here */
#undef _FORTIFY_SOURCE

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <sys/mman.h>

#include "sim_asan.h"
#include "sim.h"


#define SIM_FIBERS     80
#define SIM_STACK      ((size_t) 256 * 1024)
#define SIM_EVENTS     4096
#define SIM_STEPS      400000

#ifdef SIM_ASAN
#include <sanitizer/common_interface_defs.h>
#endif


struct sim_fiber_s {
    const char     *name;
    sim_process_t  *process;
    sim_run_pt      run;
    void           *data;
    const void     *waits;          /* for this object; NULL: for the time */
    uint64_t        wake;
    bool            woken;
    bool            busy;           /* has something to run */
    bool            started;        /* its stack is in use */
    char           *stack;
#ifdef SIM_ASAN
    ucontext_t      at;
    void           *fake;
#else
    jmp_buf         at;
#endif
};

typedef struct {
    uint64_t        when;
    uint64_t        serial;
    sim_event_pt    event;
    void           *data;
    uint64_t        n;
} sim_event_t;


static void sim_fiber_main(void);
static void sim_fiber_stack(sim_fiber_t *fiber);
static void sim_fiber_resume(sim_fiber_t *fiber);
static void sim_fiber_suspend(bool dies);
static void sim_fiber_ready(sim_fiber_t *fiber);
static sim_fiber_t *sim_fiber_first(void);
static bool sim_event_before(const sim_event_t *a, const sim_event_t *b);
static void sim_event_run(void);


static sim_fiber_t   sim_fibers[SIM_FIBERS];
static unsigned      sim_fibers_used;

static sim_event_t   sim_events[SIM_EVENTS];
static size_t        sim_events_n;
static uint64_t      sim_events_serial;

#ifdef SIM_ASAN
static ucontext_t    sim_scheduler;
static const void   *sim_scheduler_stack;
static size_t        sim_scheduler_size;
#else
static jmp_buf       sim_scheduler;
#endif


sim_fiber_t *
sim_spawn(sim_process_t *process, const char *name, sim_run_pt run,
    void *data)
{
    unsigned      i;
    sim_fiber_t  *fiber;

    for (i = 0; i < SIM_FIBERS && sim_fibers[i].busy; i++) {
        /* void */
    }

    if (i == SIM_FIBERS) {
        (void) fprintf(stderr, "seed %llu needs too many fibers\n",
                       (unsigned long long) sim.seed);
        abort();
    }

    if (i >= sim_fibers_used) {
        sim_fibers_used = i + 1;
    }

    fiber = &sim_fibers[i];
    fiber->name = name;
    fiber->process = process;
    fiber->run = run;
    fiber->data = data;
    fiber->waits = NULL;
    fiber->woken = false;
    fiber->busy = true;

    sim_fiber_ready(fiber);

    return fiber;
}


/* a fiber that ends waits on its stack for the next one in its place */

static void
sim_fiber_main(void)
{
#ifdef SIM_ASAN
    __sanitizer_finish_switch_fiber(NULL, &sim_scheduler_stack,
                                    &sim_scheduler_size);
#endif

    for ( ;; ) {
        sim.current->run(sim.current->data);
        sim.current->busy = false;
        sim_fiber_suspend(false);
    }
}


#ifdef SIM_ASAN

static void
sim_fiber_resume(sim_fiber_t *fiber)
{
    void  *fake;

    if (!fiber->started) {
        sim_fiber_stack(fiber);
    }

    __sanitizer_start_switch_fiber(&fake, fiber->stack, SIM_STACK);
    (void) swapcontext(&sim_scheduler, &fiber->at);
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
}


static void
sim_fiber_suspend(bool dies)
{
    sim_fiber_t  *fiber;

    fiber = sim.current;

    __sanitizer_start_switch_fiber(dies ? NULL : &fiber->fake,
                                   sim_scheduler_stack, sim_scheduler_size);
    (void) swapcontext(&fiber->at, &sim_scheduler);
    __sanitizer_finish_switch_fiber(fiber->fake, &sim_scheduler_stack,
                                    &sim_scheduler_size);
}

#else

static void
sim_fiber_resume(sim_fiber_t *fiber)
{
    ucontext_t  context;

    if (_setjmp(sim_scheduler) != 0) {
        return;
    }

    if (fiber->started) {
        _longjmp(fiber->at, 1);
    }

    sim_fiber_stack(fiber);

    (void) getcontext(&context);
    context.uc_stack.ss_sp = fiber->stack;
    context.uc_stack.ss_size = SIM_STACK;
    context.uc_link = NULL;
    makecontext(&context, sim_fiber_main, 0);
    (void) setcontext(&context);
}


static void
sim_fiber_suspend(bool dies)
{
    (void) dies;

    if (_setjmp(sim.current->at) == 0) {
        _longjmp(sim_scheduler, 1);
    }
}

#endif


static void
sim_fiber_stack(sim_fiber_t *fiber)
{
    void  *p;

    fiber->started = true;

    if (fiber->stack == NULL) {
        p = mmap(NULL, SIM_STACK + 4096, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED || mprotect(p, 4096, PROT_NONE) != 0) {
            perror("mmap");
            abort();
        }

        fiber->stack = (char *) p + 4096;
    }

#ifdef SIM_ASAN
    (void) getcontext(&fiber->at);
    fiber->at.uc_stack.ss_sp = fiber->stack;
    fiber->at.uc_stack.ss_size = SIM_STACK;
    fiber->at.uc_link = NULL;
    fiber->fake = NULL;
    makecontext(&fiber->at, sim_fiber_main, 0);
#endif
}


/* soon, unless its process is frozen */

static void
sim_fiber_ready(sim_fiber_t *fiber)
{
    fiber->wake = sim.now + sim_random(16);

    if (fiber->process && fiber->wake < fiber->process->frozen) {
        fiber->wake = fiber->process->frozen;
    }
}


void
sim_fibers_kill(const sim_process_t *process)
{
    unsigned  i;

    for (i = 0; i < sim_fibers_used; i++) {

        if (sim_fibers[i].busy && sim_fibers[i].process == process) {
            sim_fibers[i].busy = false;
            sim_fibers[i].started = false;
        }
    }

    if (sim_process() == process && process != NULL) {
        sim_fiber_suspend(true);
    }
}


void
sim_fibers_freeze(const sim_process_t *process, uint64_t until)
{
    unsigned  i;

    for (i = 0; i < sim_fibers_used; i++) {

        if (sim_fibers[i].busy && sim_fibers[i].process == process
            && sim_fibers[i].wake < until)
        {
            sim_fibers[i].wake = until;
        }
    }
}


void
sim_fibers_reset(void)
{
    unsigned  i;

    for (i = 0; i < sim_fibers_used; i++) {
        sim_fibers[i].started = sim_fibers[i].started && !sim_fibers[i].busy;
        sim_fibers[i].busy = false;
    }

    sim_fibers_used = 0;
    sim_events_n = 0;
    sim_events_serial = 0;
}


sim_process_t *
sim_process(void)
{
    return sim.current ? sim.current->process : NULL;
}


const char *
sim_fiber_name(void)
{
    return sim.current ? sim.current->name : "-";
}


bool
sim_wait(const void *object, uint64_t until)
{
    sim_fiber_t  *fiber;

    fiber = sim.current;

    fiber->waits = object;
    fiber->woken = false;
    fiber->wake = until;

    if (until != SIM_NEVER && until < sim.now) {
        fiber->wake = sim.now;
    }

    if (fiber->process && fiber->wake < fiber->process->frozen) {
        fiber->wake = fiber->process->frozen;
    }

    sim_fiber_suspend(false);

    fiber->waits = NULL;

    return fiber->woken;
}


void
sim_wake(const void *object)
{
    unsigned  i;

    for (i = 0; i < sim_fibers_used; i++) {

        if (sim_fibers[i].busy && sim_fibers[i].waits == object) {
            sim_fibers[i].waits = NULL;
            sim_fibers[i].woken = true;
            sim_fiber_ready(&sim_fibers[i]);
        }
    }
}


/* any of them */

bool
sim_wake_one(const void *object)
{
    unsigned      i, n;
    sim_fiber_t  *fiber;

    n = 0;
    fiber = NULL;

    for (i = 0; i < sim_fibers_used; i++) {

        if (sim_fibers[i].busy && sim_fibers[i].waits == object
            && (n++ == 0 || sim_random(n) == 0))
        {
            fiber = &sim_fibers[i];
        }
    }

    if (fiber == NULL) {
        return false;
    }

    fiber->waits = NULL;
    fiber->woken = true;
    sim_fiber_ready(fiber);

    return true;
}


void
sim_sleep(uint64_t us)
{
    (void) sim_wait(NULL, sim.now + us);
}


void
sim_point(void)
{
    sim_process_t  *process;

    process = sim_process();

    if (process && process->crash_in != 0 && --process->crash_in == 0
        && sim.healed == 0)
    {
        sim_process_crash(process);
    }

    sim_sleep(sim_delay());
}


void
sim_at(uint64_t when, sim_event_pt event, void *data, uint64_t n)
{
    size_t        i, up;
    sim_event_t   new;

    if (sim_events_n == SIM_EVENTS) {
        (void) fprintf(stderr, "seed %llu needs too many events\n",
                       (unsigned long long) sim.seed);
        abort();
    }

    new.when = when < sim.now ? sim.now : when;
    new.serial = sim_events_serial++;
    new.event = event;
    new.data = data;
    new.n = n;

    for (i = sim_events_n++; i != 0; i = up) {
        up = (i - 1) / 2;

        if (!sim_event_before(&new, &sim_events[up])) {
            break;
        }

        sim_events[i] = sim_events[up];
    }

    sim_events[i] = new;
}


static bool
sim_event_before(const sim_event_t *a, const sim_event_t *b)
{
    return a->when < b->when
           || (a->when == b->when && a->serial < b->serial);
}


static void
sim_event_run(void)
{
    size_t       i, down;
    sim_event_t  first, last;

    first = sim_events[0];
    last = sim_events[--sim_events_n];

    for (i = 0; (down = 2 * i + 1) < sim_events_n; i = down) {

        if (down + 1 < sim_events_n
            && sim_event_before(&sim_events[down + 1], &sim_events[down]))
        {
            down++;
        }

        if (!sim_event_before(&sim_events[down], &last)) {
            break;
        }

        sim_events[i] = sim_events[down];
    }

    sim_events[i] = last;

    sim.now = first.when;
    sim_mix(first.when);
    first.event(first.data, first.n);
}


static sim_fiber_t *
sim_fiber_first(void)
{
    unsigned      i;
    sim_fiber_t  *fiber;

    fiber = NULL;

    for (i = 0; i < sim_fibers_used; i++) {

        if (sim_fibers[i].busy && sim_fibers[i].wake != SIM_NEVER
            && (fiber == NULL || sim_fibers[i].wake < fiber->wake))
        {
            fiber = &sim_fibers[i];
        }
    }

    return fiber;
}


void
sim_loop(void)
{
    sim_fiber_t  *fiber;

    while (!sim.done) {

        fiber = sim_fiber_first();

        if (++sim.steps > SIM_STEPS) {
            sim_violation("runs for ever");
            return;
        }

        if (sim_events_n != 0
            && (fiber == NULL || sim_events[0].when <= fiber->wake))
        {
            sim_event_run();
            continue;
        }

        if (fiber == NULL) {
            sim_violation("everybody waits for ever");
            return;
        }

        if (fiber->wake > sim.now) {
            sim.now = fiber->wake;
        }

        sim_mix(sim.now * SIM_FIBERS + (uint64_t) (fiber - sim_fibers));

        sim.current = fiber;
        sim_memory_use(fiber->process);
        sim_fiber_resume(fiber);
        sim.current = NULL;
        sim_memory_use(NULL);
    }
}
