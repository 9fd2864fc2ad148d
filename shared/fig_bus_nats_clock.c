
/*
 * Copyright (C) Ficus authors
 */


#include "fig_bus_nats.h"
#include "fig_log.h"
#include <errno.h>
#include <time.h>


/* ns between two looks at the clock */
#define FIG_NATS_CLOCK_LOOK  250000000

/* ns that waits may be longer by */
#define FIG_NATS_CLOCK_BACK  500000000

#define FIG_NATS_SECOND      1000000000


static void *fig_nats_clock_main(void *data);
static int64_t fig_nats_clock_offset(void);
static int64_t fig_nats_clock_now(clockid_t id);
static bool fig_nats_clock_pause(fig_nats_t *nats);
static void fig_nats_clock_back(fig_nats_t *nats, int64_t by);


fig_status_t
fig_nats_clock_start(fig_nats_t *nats)
{
    int  rc;

    rc = pthread_create(&nats->clock, NULL, fig_nats_clock_main, nats);

    if (rc != 0) {
        errno = rc;
        fig_log_errno("can't start the bus's thread");
        return FIG_ERROR;
    }

    return FIG_OK;
}


void
fig_nats_clock_join(fig_nats_t *nats)
{
    (void) pthread_join(nats->clock, NULL);
}


static void *
fig_nats_clock_main(void *data)
{
    int64_t      offset, now;
    fig_nats_t  *nats;

    nats = data;
    offset = fig_nats_clock_offset();

    while (fig_nats_clock_pause(nats)) {
        now = fig_nats_clock_offset();

        if (offset - now > FIG_NATS_CLOCK_BACK) {
            fig_nats_clock_back(nats, offset - now);
        }

        offset = now;
    }

    nats_ReleaseThreadMemory();

    return NULL;
}


/* of the wall clock to the one that nobody sets, ns */

static int64_t
fig_nats_clock_offset(void)
{
    return fig_nats_clock_now(CLOCK_REALTIME)
           - fig_nats_clock_now(CLOCK_MONOTONIC);
}


static int64_t
fig_nats_clock_now(clockid_t id)
{
    struct timespec  ts;

    (void) clock_gettime(id, &ts);

    return (int64_t) ts.tv_sec * FIG_NATS_SECOND + ts.tv_nsec;
}


/* false: the bus closes */

static bool
fig_nats_clock_pause(fig_nats_t *nats)
{
    int              rc;
    bool             stop;
    int64_t          end;
    struct timespec  until;

    end = fig_nats_clock_now(CLOCK_MONOTONIC) + FIG_NATS_CLOCK_LOOK;
    until.tv_sec = (time_t) (end / FIG_NATS_SECOND);
    until.tv_nsec = (long) (end % FIG_NATS_SECOND);

    (void) pthread_mutex_lock(&nats->mutex);

    for (rc = 0; !nats->stop && rc == 0; /* void */ ) {
        rc = pthread_cond_timedwait(&nats->changed, &nats->mutex, &until);
    }

    stop = nats->stop;

    (void) pthread_mutex_unlock(&nats->mutex);

    return !stop;
}


static void
fig_nats_clock_back(fig_nats_t *nats, int64_t by)
{
    fig_nats_session_t  *session;

    fig_log_warn("the clock was set back by %.1f s; connecting to nats-server "
                 "at %s anew", (double) by / FIG_NATS_SECOND,
                 nats->where.data);

    session = fig_nats_enter(nats);

    if (session) {
        atomic_store(&session->given_up, true);
        natsConnection_Close(session->nc);
        fig_nats_leave(session);
    }
}
