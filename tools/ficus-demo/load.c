
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>

#include "demo.h"


#define DEMO_CHANGE_EACH  8      /* one request in so many changes something */
#define DEMO_LATE         0.1    /* seconds; what is later is left out */
#define DEMO_CLEAN_MAX    10.0


static int demo_make(demo_t *demo);
static void demo_run_step(demo_t *demo);
static void demo_settle(demo_t *demo);
static bool demo_some(const demo_t *demo);
static bool demo_may(demo_t *demo, double rate);
static void demo_idle(demo_t *demo, const char *what);


/* -1: Ficus does not work well enough to go on */

int
demo_load(demo_t *demo)
{
    int  i;

    if (demo_make(demo) != 0) {
        return -1;
    }

    for (i = 0; i < DEMO_STEPS && !demo_interrupted; i++) {
        demo->steps[i].p = (unsigned) (100 - i * 100 / (DEMO_STEPS - 1));

        if (demo_split_p(demo, demo->steps[i].p) != 0) {
            return -1;
        }

        demo->step = i;
        demo_run_step(demo);
        demo_show_step(demo);
    }

    if (!demo_interrupted) {
        demo_settle(demo);
    }

    return 0;
}


static int
demo_make(demo_t *demo)
{
    int  i;

    for (i = 0; i < DEMO_USERS && !demo_interrupted && demo->errors == 0;
         /* void */ )
    {
        if (demo_may(demo, DEMO_RATE / 2.0) && demo_make_user(demo, i)) {
            i++;
        }

        demo_idle(demo, "making users and orders");
    }

    while (demo->running > 0) {
        demo_idle(demo, "making users and orders");
    }

    return (demo->errors > 0) ? -1 : 0;
}


static void
demo_run_step(demo_t *demo)
{
    double    end;
    unsigned  n;

    n = 0;
    end = demo_now() + DEMO_STEP_TIME;

    while (demo_now() < end && !demo_interrupted) {

        while (demo_may(demo, DEMO_RATE)) {

            if (++n % DEMO_CHANGE_EACH != 0 || !demo_change(demo)) {
                demo_read(demo);
            }
        }

        demo_follow(demo);
        demo_idle(demo, "moving users from v1 to v2");
    }
}


/* waits for the last changes, then looks at every order once more */

static void
demo_settle(demo_t *demo)
{
    int   i;
    bool  busy;

    do {
        demo_follow(demo);
        demo_idle(demo, "waiting for the last orders");

        for (i = 0, busy = false; i < DEMO_USERS; i++) {
            busy |= demo->users[i].busy;
        }
    } while (busy && !demo_interrupted);

    for (i = 0; i < DEMO_USERS && !demo_interrupted; /* void */ ) {

        if (demo_may(demo, DEMO_RATE) && demo_verify(demo, i)) {
            i++;
        }

        demo_idle(demo, "looking at every order");
    }

    while (demo->running > 0) {
        demo_idle(demo, "looking at every order");
    }
}


/* removes what was made; -1: not all of it */

int
demo_clean(demo_t *demo)
{
    int     i;
    double  end;

    end = demo_now() + DEMO_CLEAN_MAX;
    i = 0;

    while (demo_now() < end && (demo->running > 0 || demo_some(demo))) {

        if (demo_may(demo, DEMO_RATE) && demo_drop(demo, i)) {
            i = (i + 1) % DEMO_USERS;
        }

        demo_idle(demo, "cleaning up");
    }

    return demo_some(demo) ? -1 : 0;
}


static bool
demo_some(const demo_t *demo)
{
    int  i;

    for (i = 0; i < DEMO_USERS; i++) {

        if (demo->users[i].user || demo->users[i].order) {
            return true;
        }
    }

    return false;
}


/* whether it is time for one more request */

static bool
demo_may(demo_t *demo, double rate)
{
    double  now;

    now = demo_now();

    if (demo->due < now - DEMO_LATE) {
        demo->due = now;
    }

    if (demo->due > now) {
        return false;
    }

    demo->due += 1 / rate;

    return true;
}


static void
demo_idle(demo_t *demo, const char *what)
{
    demo_turn(demo, 1);
    demo_show(demo, what, false);
}
