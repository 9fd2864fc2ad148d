
/*
 * Copyright (C) Ficus authors
 */


#include <string.h>

#include "sim_broker.h"
#include "sim_threads.h"


/* ids are remembered for two minutes, or, in trouble, hardly at all */
#define SIM_DEDUPE  (120 * (uint64_t) SIM_SECOND)


static bool sim_stream_has(const sim_stream_t *stream, const char *id);
static void sim_durable_end(sim_stream_t *stream);
static void sim_durable_fetch(sim_stream_t *stream);


sim_stream_t  sim_streams[SIM_STREAMS];
uint64_t      sim_broker_down;
uint64_t      sim_broker_max;


void
sim_broker_init(void)
{
    unsigned  i;

    /* the messages behind the last one are never looked at */

    for (i = 0; i < SIM_STREAMS; i++) {
        sim_streams[i].now.exists = false;
        sim_streams[i].now.mute = false;
        sim_streams[i].now.first = 1;
        sim_streams[i].now.last = 0;
        sim_streams[i].now.created = 0;
        sim_streams[i].copy.exists = false;
        sim_streams[i].durable = NULL;
    }

    sim_streams[0].name = "USERS";
    sim_streams[1].name = "ORDERS";
    sim_broker_down = 0;
    sim_broker_max = SIM_PAYLOAD;
}


sim_stream_t *
sim_stream(const char *name)
{
    unsigned  i;

    for (i = 0; i < SIM_STREAMS; i++) {

        if (strcmp(sim_streams[i].name, name) == 0) {
            return &sim_streams[i];
        }
    }

    return NULL;
}


void
sim_stream_create(sim_stream_t *stream, const char *subjects)
{
    struct timespec  now;

    (void) sim_clock_gettime(CLOCK_REALTIME, &now);

    stream->subjects = subjects;
    stream->now.exists = true;
    stream->now.mute = false;
    stream->now.first = 1;
    stream->now.last = 0;
    stream->now.created = (int64_t) now.tv_sec * 1000000000 + now.tv_nsec
                          + (int64_t) sim_random(1000);

    sim_trace("stream %s is made", stream->name);
}


sim_message_t *
sim_stream_message(const sim_stream_t *stream, uint64_t seq)
{
    const sim_log_t  *log;

    log = &stream->now;

    return log->exists && !log->mute && seq >= log->first && seq <= log->last
           ? log->messages[seq - 1] : NULL;
}


/* NULL: no stream takes it */

sim_stream_t *
sim_stream_of(fig_str_t subject)
{
    size_t         len;
    unsigned       i;
    sim_stream_t  *stream;

    for (i = 0; i < SIM_STREAMS; i++) {
        stream = &sim_streams[i];

        if (!stream->now.exists) {
            continue;
        }

        len = strlen(stream->subjects) - 1;

        if (subject.len > len
            && memcmp(subject.data, stream->subjects, len) == 0)
        {
            return stream;
        }
    }

    return NULL;
}


fig_status_t
sim_stream_store(const sim_message_t *message)
{
    sim_log_t        *log;
    sim_stream_t     *stream;
    sim_message_t    *copy;
    struct timespec   now;

    stream = sim_stream_of(message->subject);

    if (stream == NULL) {
        return FIG_DECLINED;
    }

    if (sim_trouble(SIM_F_BROKER)) {
        return FIG_ERROR;
    }

    if (sim_stream_has(stream, message->id)) {
        sim_trace("%s has %s already", stream->name, message->id);
        return FIG_OK;
    }

    log = &stream->now;

    if (log->last == SIM_MESSAGES) {
        sim_violation("too many messages in %s", stream->name);
        return FIG_ERROR;
    }

    (void) sim_clock_gettime(CLOCK_REALTIME, &now);

    copy = sim_alloc(sizeof(sim_message_t));
    *copy = *message;
    copy->seq = ++log->last;
    copy->stored = sim.now;
    copy->time = (int64_t) now.tv_sec * 1000000000 + now.tv_nsec
                 + (int64_t) sim_random(1000);
    log->messages[copy->seq - 1] = copy;

    sim_trace("%s %llu is %s", stream->name, (unsigned long long) copy->seq,
              copy->id);

    if (stream->durable != NULL) {
        sim_wake(stream->durable);
    }

    return FIG_OK;
}


static bool
sim_stream_has(const sim_stream_t *stream, const char *id)
{
    uint64_t              seq, window;
    const sim_message_t  *message;

    window = sim.faults & SIM_F_DEDUPE ? 500 * SIM_MS : SIM_DEDUPE;

    for (seq = stream->now.last; seq >= stream->now.first; seq--) {
        message = stream->now.messages[seq - 1];

        if (sim.now - message->stored <= window
            && strcmp(message->id, id) == 0)
        {
            return true;
        }
    }

    return false;
}


void
sim_broker_restart(uint64_t down)
{
    unsigned  i;

    sim_trace("the broker dies");
    sim_broker_down = sim.now + down;

    for (i = 0; i < SIM_PROCESSES; i++) {
        sim_link_cut(&sim_links[i], sim_broker_down);
    }
}


static void
sim_durable_end(sim_stream_t *stream)
{
    if (stream->durable != NULL) {
        stream->durable->dead = true;
        stream->durable->heard = sim.now;
        sim_wake(stream->durable);
        stream->durable = NULL;
    }
}


/* what the client has already comes whatever happens to the stream */

static void
sim_durable_fetch(sim_stream_t *stream)
{
    uint64_t             n;
    sim_message_t       *message;
    sim_subscription_t  *durable;

    durable = stream->durable;

    if (durable == NULL) {
        return;
    }

    for (n = sim_random(SIM_FETCHED + 1); n != 0; n--) {
        message = sim_stream_message(stream, durable->next);

        if (message == NULL || durable->fetched_n == SIM_FETCHED) {
            return;
        }

        durable->fetched[durable->fetched_n++] = message;
        durable->next++;
    }
}


void
sim_stream_tail(sim_stream_t *stream, uint64_t n)
{
    sim_log_t  *log;

    log = &stream->now;

    if (!log->exists) {
        return;
    }

    n = n < log->last + 1 - log->first ? n : log->last + 1 - log->first;
    log->last -= n;

    sim_trace("%s has lost its last %llu", stream->name,
              (unsigned long long) n);
}


void
sim_stream_wipe(sim_stream_t *stream)
{
    sim_durable_fetch(stream);
    sim_trace("%s is deleted", stream->name);
    stream->now.exists = false;
    stream->now.first = 1;
    stream->now.last = 0;
    sim_durable_end(stream);
}


void
sim_stream_keep(sim_stream_t *stream)
{
    sim_log_t  *copy;

    copy = &stream->copy;
    copy->exists = stream->now.exists;
    copy->created = stream->now.created;
    copy->first = stream->now.first;
    copy->last = stream->now.last;
    memcpy(copy->messages, stream->now.messages,
           copy->last * sizeof(sim_message_t *));
}


void
sim_stream_restore(sim_stream_t *stream)
{
    sim_log_t  *copy, *now;

    now = &stream->now;
    copy = &stream->copy;

    if (!copy->exists) {
        return;
    }

    now->exists = true;
    now->mute = false;
    now->created = copy->created;
    now->first = copy->first;
    now->last = copy->last;
    memcpy(now->messages, copy->messages,
           copy->last * sizeof(sim_message_t *));

    sim_trace("%s is that of long ago, up to %llu", stream->name,
              (unsigned long long) now->last);
}


void
sim_stream_discard(sim_stream_t *stream, uint64_t n)
{
    sim_log_t  *log;

    log = &stream->now;

    if (log->exists) {
        sim_durable_fetch(stream);
        n = n < log->last + 1 - log->first ? n : log->last + 1 - log->first;
        log->first += n;
        sim_trace("%s has discarded its first %llu", stream->name,
                  (unsigned long long) n);
    }
}


void
sim_durable_forget(sim_stream_t *stream)
{
    sim_trace("the durable of %s is gone", stream->name);
    sim_durable_end(stream);
}


/* back: it all comes again; ahead: it never comes */

void
sim_durable_move(sim_stream_t *stream, uint64_t seq)
{
    sim_subscription_t  *durable;

    durable = stream->durable;

    if (durable == NULL || !stream->now.exists) {
        return;
    }

    if (seq > stream->now.last + 1) {
        seq = stream->now.last + 1;
    }

    if (seq < stream->now.first) {
        seq = stream->now.first;
    }

    sim_durable_fetch(stream);
    sim_trace("the durable of %s, which was at %llu, is at %llu",
              stream->name, (unsigned long long) durable->next,
              (unsigned long long) seq);

    if (seq > durable->next || sim_odds(500)) {
        durable->floor = seq - 1;
    }

    durable->next = seq;
    sim_wake(durable);
}
