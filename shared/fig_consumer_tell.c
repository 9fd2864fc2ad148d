
/*
 * Copyright (C) Ficus authors
 */


/*
 * What a compare has to say, in metrics and in the log.
 */


#include "fig_consumer_batch.h"
#include "fig_log.h"
#include <inttypes.h>
#include <string.h>


static double fig_sync_success(void *data);
static double fig_sync_kept(void *data);
static double fig_sync_dead(void *data);
static void fig_sync_tell_withheld(fig_consumer_t *consumer);


void
fig_sync_metrics(fig_consumer_t *consumer)
{
    char         labels[FIG_CONSUMER_LABELS];
    fig_sync_t  *sync;
    const char  *name, *help;

    sync = &consumer->sync;
    fig_consumer_labels(consumer, labels);

    name = "ficus_repair_runs_total";
    help = "Compares of replica and source, by what they found.";
    sync->runs[FIG_SYNC_LEVEL] = fig_counter(name, help, "result=\"level\"");
    sync->runs[FIG_SYNC_REPAIRED] = fig_counter(name, help,
                                                "result=\"repaired\"");
    sync->runs[FIG_SYNC_DIFFERS] = fig_counter(name, help,
                                               "result=\"differs\"");
    sync->runs[FIG_SYNC_FAILED] = fig_counter(name, help, "result=\"failed\"");

    sync->buckets = fig_counter("ficus_repair_buckets_total",
                                "Buckets that were compared id by id.", "");

    name = "ficus_repair_documents_total";
    help = "Documents in which replica and source differed.";
    sync->documents[FIG_REPAIR_IS_BEHIND] = fig_counter(name, help,
                                                        "kind=\"behind\"");
    sync->documents[FIG_REPAIR_IS_LOST] = fig_counter(name, help,
                                                      "kind=\"lost\"");
    sync->documents[FIG_REPAIR_IS_NEWER] = fig_counter(name, help,
                                                       "kind=\"newer\"");
    sync->documents[FIG_REPAIR_IS_LARGE] = fig_counter(name, help,
                                                       "kind=\"large\"");

    sync->seconds = fig_histogram("ficus_repair_seconds",
                                  "How long a compare took, with its repair.",
                                  "");
    fig_gauge("ficus_repair_last_success_seconds",
              "When replica and source were last compared, Unix time.", labels,
              fig_sync_success, sync);
    fig_gauge("ficus_repair_withheld",
              "Documents that the source has lost and that are kept.", "",
              fig_sync_kept, sync);
    fig_gauge("ficus_dead_letters", "Events that could not be brought in.",
              "", fig_sync_dead, consumer);
}


static double
fig_sync_success(void *data)
{
    fig_sync_t  *sync;

    sync = data;

    return (double) atomic_load(&sync->success);
}


static double
fig_sync_kept(void *data)
{
    fig_sync_t  *sync;

    sync = data;

    return (double) atomic_load(&sync->kept);
}


static double
fig_sync_dead(void *data)
{
    fig_consumer_t  *consumer;

    consumer = data;

    return consumer->dead ? (double) fig_dead_count(consumer->dead) : 0;
}


void
fig_sync_tell(fig_consumer_t *consumer)
{
    unsigned              result;
    uint64_t              found;
    fig_sync_t           *sync;
    const char           *name;
    fig_sync_last_t      *now;
    fig_repair_report_t  *report;

    sync = &consumer->sync;
    now = &sync->now;
    report = &now->report;
    name = consumer->conf.topic->name;
    result = fig_sync_result(now);

    fig_counter_add(sync->runs[result], 1);
    fig_histogram_add(sync->seconds, now->took);

    if (result == FIG_SYNC_FAILED) {

        if (sync->failed == 0) {
            sync->failed = fig_clock_us();
        }

        if (!sync->failing
            && fig_clock_us() - sync->failed > FIG_SYNC_LATE)
        {
            sync->failing = true;
            fig_log_warn("the replica of %s can't be compared with its source "
                         "(%s): %s; trying on", name, now->why,
                         now->status == FIG_AGAIN ? "no answer"
                         : fig_status_name(now->status));
        }

        return;
    }

    sync->failed = 0;

    if (sync->failing) {
        sync->failing = false;
        fig_log_info("the replica of %s is compared with its source again",
                     name);
    }

    fig_sync_tell_withheld(consumer);

    found = report->counts[FIG_REPAIR_IS_BEHIND]
            + report->counts[FIG_REPAIR_IS_LOST] - now->withheld;

    if (now->mend && found != 0
        && (strcmp(now->why, FIG_SYNC_FIRST) == 0
            || strcmp(now->why, FIG_SYNC_CONNECTED) == 0))
    {
        fig_log_info("fetched %" PRIu64 " %s from their source; %" PRIu64
                     " ms", found, name, now->took / 1000);

    } else if (now->mend && found != 0) {
        fig_log_warn("repaired the replica of %s (%s): %" PRIu64 " were "
                     "behind, the source has lost %" PRIu64 "; %" PRIu64
                     " ms", name, now->why,
                     report->counts[FIG_REPAIR_IS_BEHIND],
                     report->counts[FIG_REPAIR_IS_LOST] - now->withheld,
                     now->took / 1000);
    }

    if (report->counts[FIG_REPAIR_IS_NEWER] != 0) {
        fig_log_error("the replica of %s has %" PRIu64 " documents with a "
                      "newer version than their source, which are left as "
                      "they are: was an old copy of its store put back "
                      "without raising its base?", name,
                      report->counts[FIG_REPAIR_IS_NEWER]);
    }
}


/* once, until it is another number */

static void
fig_sync_tell_withheld(fig_consumer_t *consumer)
{
    fig_sync_t       *sync;
    const char       *name;
    fig_sync_last_t  *now;

    sync = &consumer->sync;
    now = &sync->now;
    name = consumer->conf.topic->name;

    /* who only looks withholds nothing, nor does he take that back */

    if (!now->mend) {
        return;
    }

    atomic_store(&sync->kept, now->withheld);

    if (now->withheld != 0 && now->withheld != sync->withheld) {
        fig_log_error("the source of %s has %s: %" PRIu64 " of the %" PRIu64
                      " in the replica are lost there, and kept here; if it is "
                      "the right database, \"ficusctl sync repair\" deletes "
                      "them", name, now->report.none ? "nothing at all"
                      : "lost much", now->withheld, now->report.rows);

    } else if (now->withheld == 0 && sync->withheld != 0) {
        fig_log_info("the replica of %s keeps nothing any more that its source "
                     "has lost", name);
    }

    sync->withheld = now->withheld;
}


unsigned
fig_sync_result(const fig_sync_last_t *last)
{
    const uint64_t  *counts;

    counts = last->report.counts;

    if (last->status != FIG_OK) {
        return FIG_SYNC_FAILED;
    }

    if (counts[FIG_REPAIR_IS_NEWER] != 0 || counts[FIG_REPAIR_IS_LARGE] != 0
        || last->withheld != 0)
    {
        return FIG_SYNC_DIFFERS;
    }

    if (counts[FIG_REPAIR_IS_BEHIND] == 0 && counts[FIG_REPAIR_IS_LOST] == 0) {
        return FIG_SYNC_LEVEL;
    }

    return last->mend ? FIG_SYNC_REPAIRED : FIG_SYNC_DIFFERS;
}


const char *
fig_sync_result_name(const fig_sync_last_t *last)
{
    static const char *const  names[] = {
        "level", "repaired", "differs", "failed"
    };

    return names[fig_sync_result(last)];
}
