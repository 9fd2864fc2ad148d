
/*
 * Copyright (C) Ficus authors
 */


/*
 * What goes wrong, and when.  A schedule has some kinds of trouble only, so
 * that each is met alone, too, and in all company.
 */


#include "sim_broker.h"


#define SIM_WINDOW  (4 * SIM_SECOND)
#define SIM_MOST    6


static void sim_nemesis(void *data);
static void sim_fault(void);
static void sim_fault_crash(void);
static void sim_fault_stop(void);
static void sim_fault_net(void);
static void sim_fault_broker(void);
static void sim_fault_consumer(void);
static void sim_fault_replay(void);
static void sim_fault_loss(void);
static void sim_fault_clock(void);
static void sim_fault_mute(void);
static sim_process_t *sim_any_process(void);
static sim_stream_t *sim_any_stream(void);


typedef struct {
    unsigned   kind;
    void     (*happens)(void);
} sim_fault_t;

static const sim_fault_t  sim_fault_kinds[] = {
    { SIM_F_CRASH, sim_fault_crash },
    { SIM_F_STOP, sim_fault_stop },
    { SIM_F_NET, sim_fault_net },
    { SIM_F_BROKER, sim_fault_broker },
    { SIM_F_CONSUMER, sim_fault_consumer },
    { SIM_F_REPLAY, sim_fault_replay },
    { SIM_F_LOSS, sim_fault_loss },
    { SIM_F_CLOCK, sim_fault_clock },
    { SIM_F_MUTE, sim_fault_mute }
};

static bool      sim_nemesis_ended;


void
sim_faults_choose(void)
{
    unsigned  bit;

    static const unsigned  odds[] = { 5, 20, 60, 150 };

    sim.odds = odds[sim_random(4)];

    for (bit = 1; bit & SIM_F_ALL; bit <<= 1) {

        if (sim_odds(bit & (SIM_F_LOSS|SIM_F_MUTE) ? 250 : 400)) {
            sim.faults |= bit;
        }
    }

    sim.faults &= sim_options.faults;
}


void
sim_faults_start(void)
{
    sim_nemesis_ended = false;
    (void) sim_spawn(NULL, "nemesis", sim_nemesis, NULL);
}


bool
sim_faults_done(void)
{
    return sim_nemesis_ended;
}


static void
sim_nemesis(void *data)
{
    uint64_t  n, pause;

    (void) data;
    n = sim_between(1, SIM_MOST);
    pause = SIM_WINDOW / (sim_odds(300) ? n * 20 : n);

    sim_sleep(sim_random(pause));

    for ( /* void */ ; n != 0; n--) {
        sim_fault();
        sim_sleep(sim_random(pause));
    }

    sim_nemesis_ended = true;
}


/* one of the kinds that this schedule has */

static void
sim_fault(void)
{
    size_t    i, kinds;
    unsigned  n;

    const sim_fault_t  *fault;

    n = 0;
    fault = NULL;
    kinds = sizeof(sim_fault_kinds) / sizeof(sim_fault_kinds[0]);

    for (i = 0; i < kinds; i++) {

        if ((sim.faults & sim_fault_kinds[i].kind) != 0
            && (n++ == 0 || sim_random(n) == 0))
        {
            fault = &sim_fault_kinds[i];
        }
    }

    if (fault != NULL) {
        fault->happens();
    }
}


static sim_process_t *
sim_any_process(void)
{
    return &sim.processes[sim_random(SIM_PROCESSES)];
}


static sim_stream_t *
sim_any_stream(void)
{
    return sim_odds(850) ? &sim_streams[0] : &sim_streams[1];
}


/* at some step that it makes from now on */

static void
sim_fault_crash(void)
{
    sim_process_t  *process;

    process = sim_any_process();

    if (sim_odds(200)) {
        sim_process_crash(process);

    } else {
        process->crash_in = sim_between(1, 80);
    }
}


static void
sim_fault_stop(void)
{
    sim_process_t  *process;

    process = sim_any_process();

    if (sim_odds(500)) {
        sim_process_stop(process);
        return;
    }

    if (process->state != SIM_DOWN) {
        process->frozen = sim.now + sim_random(3 * SIM_SECOND);
        sim_fibers_freeze(process, process->frozen);
        sim_trace("%s is frozen", process->name);
    }
}


static void
sim_fault_net(void)
{
    sim_process_t  *process;

    process = sim_any_process();
    sim_link_cut(&sim_links[process->number],
                 sim.now + sim_random(2 * SIM_SECOND));
}


static void
sim_fault_broker(void)
{
    sim_broker_restart(sim_random(2 * SIM_SECOND));
}


static void
sim_fault_consumer(void)
{
    uint64_t             n;
    sim_subscription_t  *durable;

    durable = sim_streams[0].durable;

    if (durable == NULL) {
        return;
    }

    n = sim_between(1, 4);

    switch (sim_random(3)) {

    case 0:
        sim_durable_forget(&sim_streams[0]);
        break;

    case 1:
        sim_durable_move(&sim_streams[0], durable->next + n);
        break;

    default:
        sim_durable_move(&sim_streams[0],
                         durable->next > n ? durable->next - n : 1);
        break;
    }
}


static void
sim_fault_replay(void)
{
    sim_durable_move(&sim_streams[0], 1);
}


static void
sim_fault_loss(void)
{
    sim_stream_t  *stream;

    stream = sim_any_stream();

    if (sim_odds(250)) {
        sim_stream_keep(stream);
        return;
    }

    sim.lost++;

    switch (sim_random(4)) {

    case 0:
        sim_broker_restart(sim_random(SIM_SECOND));
        sim_stream_tail(stream, sim_between(1, 5));
        break;

    case 1:
        sim_broker_restart(sim_random(SIM_SECOND));
        sim_stream_restore(stream);
        break;

    case 2:
        sim_stream_wipe(stream);
        break;

    default:
        sim_stream_discard(stream, sim_between(1, 5));
        break;
    }
}


static void
sim_fault_clock(void)
{
    int64_t  jump;

    jump = (int64_t) sim_random(2 * 3600 * (uint64_t) SIM_SECOND);

    sim.wall += jump - 3600 * (int64_t) SIM_SECOND;
    sim_trace("the clock jumps");
}


/*
 * nats-server 2.9 may take the files of a stream that was made again with those
 * of the old one.  Only who compares learns what it had, so not without that.
 */

static void
sim_fault_mute(void)
{
    if (sim_options.repair == SIM_REPAIR_YES) {
        sim_streams[0].now.mute = true;
        sim_trace("%s is mute", sim_streams[0].name);
    }
}


/* no more trouble, and what was down comes back */

void
sim_faults_heal(void)
{
    unsigned  i;

    sim.healed = sim.now;
    sim_broker_down = 0;

    sim_trace("all is well again");

    for (i = 0; i < SIM_PROCESSES; i++) {
        sim.processes[i].crash_in = 0;
        sim.processes[i].frozen = 0;
        sim_links[i].cut = 0;

        if (sim_links[i].open) {
            sim_at(sim.now + sim_random(300 * SIM_MS), sim_link_try,
                   &sim_links[i], sim_links[i].life);
        }

        sim_process_start(&sim.processes[i]);
    }
}
