
/*
 * Copyright (C) Ficus authors
 */


#include "fig_consumer_batch.h"
#include "fig_log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>


/* ms */
#define FIG_CONSUMER_NEXT   250
#define FIG_CONSUMER_RETRY  250
#define FIG_CONSUMER_STORE  1000

/* us */
#define FIG_CONSUMER_LOOK   2000000


static void fig_consumer_init(fig_consumer_t *consumer);
static void fig_consumer_free(fig_consumer_t *consumer);
static void fig_consumer_halt(fig_consumer_t *consumer);
static void fig_consumer_until(struct timespec *until, uint64_t ms);
static fig_status_t fig_consumer_letters(fig_consumer_t *consumer);
static double fig_consumer_cursor(void *data);
static void *fig_consumer_main(void *data);
static fig_status_t fig_consumer_start(fig_consumer_t *consumer);
static bool fig_consumer_begin(fig_consumer_t *consumer);
static void fig_consumer_follow(fig_consumer_t *consumer);


fig_status_t
fig_consumer_open(fig_store_t *store, fig_bus_t *bus,
    const fig_consumer_conf_t *conf, fig_consumer_t **consumer)
{
    int              rc;
    char             labels[FIG_CONSUMER_LABELS];
    fig_consumer_t  *self;

    *consumer = NULL;
    self = calloc(1, sizeof(fig_consumer_t));

    if (self == NULL) {
        return FIG_ERROR;
    }

    self->store = store;
    self->bus = bus;
    self->conf = *conf;
    fig_consumer_init(self);

    self->live = fig_batch_create();
    self->mend = fig_batch_create();

    if (self->live == NULL || self->mend == NULL
        || fig_sync_open(self) != FIG_OK)
    {
        fig_consumer_free(self);
        return FIG_ERROR;
    }

    rc = pthread_create(&self->thread, NULL, fig_consumer_main, self);

    if (rc != 0) {
        errno = rc;
        fig_log_errno("can't start the consumer's thread");
        fig_consumer_halt(self);
        fig_sync_close(self);
        fig_consumer_free(self);
        return FIG_ERROR;
    }

    fig_consumer_labels(self, labels);
    fig_gauge("ficus_consumer_cursor",
              "The stream's message up to which all is applied.", labels,
              fig_consumer_cursor, self);

    *consumer = self;

    return FIG_OK;
}


static void
fig_consumer_init(fig_consumer_t *consumer)
{
    const char          *name, *help;
    pthread_condattr_t   attr;

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_mutex_init(&consumer->mutex, NULL);
    (void) pthread_mutex_init(&consumer->bring, NULL);
    (void) pthread_cond_init(&consumer->stopped, &attr);
    (void) pthread_condattr_destroy(&attr);

    name = "ficus_consumer_events_total";
    help = "Events read, by what became of them.";

    consumer->applied = fig_counter(name, help, "result=\"applied\"");
    consumer->stale = fig_counter(name, help, "result=\"stale\"");
    consumer->poison = fig_counter(name, help, "result=\"poison\"");

    consumer->resets = fig_counter("ficus_consumer_resets_total",
                                   "How often stream or durable did not fit "
                                   "the cursor.", "");
    consumer->missed = fig_counter("ficus_consumer_missed_total",
                                   "Messages that the stream discarded before "
                                   "they were read.", "");
    consumer->lag = fig_histogram("ficus_consumer_lag_seconds",
                                  "From the stream to the own store.", "");
}


void
fig_consumer_labels(const fig_consumer_t *consumer, char *labels)
{
    (void) snprintf(labels, FIG_CONSUMER_LABELS, "topic=\"%s\"",
                    consumer->conf.topic->name);
}


static void
fig_consumer_free(fig_consumer_t *consumer)
{
    fig_dead_close(atomic_load(&consumer->dead));
    fig_batch_destroy(consumer->mend);
    fig_batch_destroy(consumer->live);
    (void) pthread_mutex_destroy(&consumer->bring);
    (void) pthread_cond_destroy(&consumer->stopped);
    (void) pthread_mutex_destroy(&consumer->mutex);
    free(consumer);
}


static double
fig_consumer_cursor(void *data)
{
    fig_consumer_t  *consumer;

    consumer = data;

    return (double) atomic_load(&consumer->seq);
}


void
fig_consumer_close(fig_consumer_t *consumer)
{
    if (consumer == NULL) {
        return;
    }

    fig_consumer_halt(consumer);

    (void) pthread_join(consumer->thread, NULL);
    fig_sync_close(consumer);

    fig_gauge_remove(consumer);
    fig_consumer_free(consumer);
}


static void
fig_consumer_halt(fig_consumer_t *consumer)
{
    (void) pthread_mutex_lock(&consumer->mutex);
    consumer->stop = true;
    (void) pthread_cond_broadcast(&consumer->stopped);
    (void) pthread_mutex_unlock(&consumer->mutex);
}


bool
fig_consumer_going(fig_consumer_t *consumer)
{
    return fig_consumer_pause(consumer, 0);
}


bool
fig_consumer_pause(fig_consumer_t *consumer, uint64_t ms)
{
    int              rc;
    bool             going;
    struct timespec  until;

    fig_consumer_until(&until, ms);
    rc = ms == 0;

    (void) pthread_mutex_lock(&consumer->mutex);

    while (!consumer->stop && rc == 0) {
        rc = pthread_cond_timedwait(&consumer->stopped, &consumer->mutex,
                                    &until);
    }

    going = !consumer->stop;

    (void) pthread_mutex_unlock(&consumer->mutex);

    return going;
}


void
fig_consumer_wait(fig_consumer_t *consumer, uint64_t ms)
{
    struct timespec  until;

    fig_consumer_until(&until, ms);

    (void) pthread_cond_timedwait(&consumer->stopped, &consumer->mutex,
                                  &until);
}


static void
fig_consumer_until(struct timespec *until, uint64_t ms)
{
    (void) clock_gettime(CLOCK_MONOTONIC, until);

    until->tv_sec += (time_t) (ms / 1000);
    until->tv_nsec += (long) (ms % 1000) * 1000000;

    if (until->tv_nsec >= 1000000000) {
        until->tv_nsec -= 1000000000;
        until->tv_sec++;
    }
}


static void *
fig_consumer_main(void *data)
{
    uint64_t         session, compared;
    fig_consumer_t  *consumer;

    compared = 0;
    consumer = data;

    if (!fig_consumer_begin(consumer)) {
        return NULL;
    }

    while (fig_consumer_going(consumer)) {

        session = fig_bus_session(consumer->bus);

        if (session == 0 || fig_consumer_start(consumer) != FIG_OK) {
            (void) fig_consumer_pause(consumer, FIG_CONSUMER_RETRY);
            continue;
        }

        /* what was compared may be another stream on a new connection */

        if (fig_bus_session(consumer->bus) == session) {

            /* a tail that nobody had read may be lost, and all looks well */

            if (session != compared) {
                fig_sync_want(consumer, FIG_SYNC_CONNECTED);
                compared = session;
            }

            fig_consumer_follow(consumer);
        }

        if (fig_consumer_going(consumer)
            && fig_bus_session(consumer->bus) == session)
        {
            fig_log_warn("durable %s of stream %s vanished or missed messages; "
                         "making it anew", consumer->conf.durable,
                         consumer->conf.topic->stream.name);
        }

        fig_bus_unsubscribe(consumer->sub);
        consumer->sub = NULL;
    }

    fig_cursor_keep(consumer);

    return NULL;
}


static fig_status_t
fig_consumer_start(fig_consumer_t *consumer)
{
    fig_status_t  rc;

    rc = fig_cursor_start(consumer);

    atomic_store(&consumer->wrong,
                 rc == FIG_CONFLICT ? "the stream has other settings"
                 : rc == FIG_ERROR ? "the stream is refused" : NULL);

    return rc;
}


/* what needs the store alone; false: the consumer is to stop */

static bool
fig_consumer_begin(fig_consumer_t *consumer)
{
    while (fig_consumer_letters(consumer) != FIG_OK
           || fig_cursor_load(consumer) != FIG_OK
           || fig_marks_resume(consumer) != FIG_OK)
    {
        if (!fig_consumer_pause(consumer, FIG_CONSUMER_STORE)) {
            return false;
        }
    }

    return true;
}


static fig_status_t
fig_consumer_letters(fig_consumer_t *consumer)
{
    fig_dead_t    *dead;
    fig_status_t   rc;

    if (consumer->conf.dead == NULL || atomic_load(&consumer->dead)) {
        return FIG_OK;
    }

    rc = fig_dead_open(consumer->store, consumer->conf.dead,
                       consumer->conf.letters, &dead);

    if (rc == FIG_OK) {
        atomic_store(&consumer->dead, dead);
        atomic_store(&consumer->retry, fig_dead_count(dead) != 0);
    }

    return rc;
}


/* reads until there is no more to read from this subscription */

static void
fig_consumer_follow(fig_consumer_t *consumer)
{
    uint64_t      now, look;
    fig_status_t  rc;

    look = fig_clock_us() + FIG_CONSUMER_LOOK;

    while (fig_consumer_going(consumer)) {

        rc = fig_consumer_read(consumer, FIG_CONSUMER_NEXT);
        now = fig_clock_us();

        if (rc == FIG_OK) {
            look = now + FIG_CONSUMER_LOOK;
            continue;
        }

        if (rc != FIG_AGAIN) {
            return;
        }

        fig_cursor_save(consumer, true);

        if (now >= look) {
            look = now + FIG_CONSUMER_LOOK;

            if (fig_cursor_look(consumer) == FIG_DECLINED) {
                return;
            }
        }
    }
}
