
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>

#include "sim.h"


#define SIM_LINES  40
#define SIM_LINE   240


static bool      sim_trace_print;
static unsigned  sim_trace_n;
static char      sim_trace_lines[SIM_LINES][SIM_LINE];


void
sim_trace_start(bool print)
{
    sim.tracing = true;
    sim_trace_print = print;
    sim_trace_n = 0;
}


void
sim_trace_line(const char *fmt, ...)
{
    int                   n;
    char                 *line;
    va_list               args;
    const sim_process_t  *process;

    process = sim_process();
    line = sim_trace_lines[sim_trace_n++ % SIM_LINES];

    sim_memory_use(NULL);

    n = snprintf(line, SIM_LINE, "%11.6f  %-9s %-8s ",
                 (double) sim.now / SIM_SECOND,
                 process ? process->name : "-", sim_fiber_name());

    va_start(args, fmt);
    (void) vsnprintf(line + n, SIM_LINE - (size_t) n, fmt, args);
    va_end(args);

    if (sim_trace_print) {
        (void) puts(line);
    }

    sim_memory_use(sim_process());
}


void
sim_trace_tail(void)
{
    unsigned  i;

    i = sim_trace_n > SIM_LINES ? sim_trace_n - SIM_LINES : 0;

    for ( /* void */ ; i < sim_trace_n; i++) {
        (void) puts(sim_trace_lines[i % SIM_LINES]);
    }
}


/* the first counts, and ends the schedule */

void
sim_violation(const char *fmt, ...)
{
    va_list  args;

    if (sim.failed) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(sim.why, sizeof(sim.why), fmt, args);
    va_end(args);

    sim.failed = true;
    sim.done = true;

    sim_trace("VIOLATED: %s", sim.why);
}
