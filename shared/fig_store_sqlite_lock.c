
/*
 * Copyright (C) Ficus authors
 */


/*
 * The write lock is a turnstile: who wants it takes the queue's byte, waits
 * for the writer's byte with it, and gives it up then.  A process that gives
 * up the writer's byte and wants it back at once finds another one in the
 * queue, so two processes take turns.  The kernel frees what a dead process
 * held.  Locks are of the open file (F_OFD_*), so that two stores of one
 * process exclude each other too.
 */


#include "fig_store_sqlite.h"
#include "fig_log.h"
#include "fig_metrics.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


#define LOCK_POLL  500000        /* ns */
#define MARK_SIZE  6
#define MARKS      3


/* bytes of the file; the mark is text there, locks do not mind */

enum {
    LOCK_QUEUE = 0,
    LOCK_WRITER,
    LOCK_USERS,          /* shared by all that have the database open */
    LOCK_DOOR            /* held while one opens or leaves */
};


static bool lock_byte(const fig_sqlite_lock_t *lock, int cmd, short type,
    off_t byte);
static fig_status_t lock_poll(const fig_sqlite_lock_t *lock, off_t byte,
    uint64_t deadline);


static const char *const  marks[MARKS] = {
    [FIG_SQLITE_OPEN] = "open \n",
    [FIG_SQLITE_CLEAN] = "clean\n",
    [FIG_SQLITE_MOVED] = "moved\n"
};


fig_status_t
fig_sqlite_lock_open(fig_sqlite_lock_t *lock, const char *path)
{
    size_t  len;

    len = strlen(path) + sizeof(".lock");
    lock->fd = -1;
    lock->path = malloc(len);

    if (lock->path == NULL) {
        fig_log_error("store %s: out of memory", path);
        return FIG_ERROR;
    }

    (void) snprintf(lock->path, len, "%s.lock", path);

    lock->fd = open(lock->path, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0600);

    if (lock->fd == -1) {
        fig_log_errno("store %s: cannot open %s", path, lock->path);
        fig_sqlite_lock_close(lock);
        return FIG_ERROR;
    }

    return FIG_OK;
}


void
fig_sqlite_lock_close(fig_sqlite_lock_t *lock)
{
    if (lock->fd != -1) {
        (void) close(lock->fd);
    }

    free(lock->path);
    lock->path = NULL;
    lock->fd = -1;
}


bool
fig_sqlite_lock_take(fig_sqlite_lock_t *lock)
{
    bool  got;

    if (!lock_byte(lock, F_OFD_SETLKW, F_WRLCK, LOCK_QUEUE)) {
        fig_log_errno("cannot lock %s", lock->path);
        return false;
    }

    got = lock_byte(lock, F_OFD_SETLKW, F_WRLCK, LOCK_WRITER);

    if (!got) {
        fig_log_errno("cannot lock %s", lock->path);
    }

    (void) lock_byte(lock, F_OFD_SETLK, F_UNLCK, LOCK_QUEUE);

    return got;
}


fig_status_t
fig_sqlite_lock_try(fig_sqlite_lock_t *lock, uint64_t timeout)
{
    uint64_t      deadline;
    fig_status_t  status;

    deadline = fig_clock_us() + timeout * 1000;

    status = lock_poll(lock, LOCK_QUEUE, deadline);

    if (status != FIG_OK) {
        return status;
    }

    status = lock_poll(lock, LOCK_WRITER, deadline);

    (void) lock_byte(lock, F_OFD_SETLK, F_UNLCK, LOCK_QUEUE);

    return status;
}


void
fig_sqlite_lock_drop(fig_sqlite_lock_t *lock)
{
    (void) lock_byte(lock, F_OFD_SETLK, F_UNLCK, LOCK_WRITER);
}


fig_status_t
fig_sqlite_lock_enter(fig_sqlite_lock_t *lock, bool *alone,
    fig_sqlite_mark_t *mark)
{
    char      text[MARK_SIZE];
    ssize_t   n;
    unsigned  i;

    if (!lock_byte(lock, F_OFD_SETLK, F_WRLCK, LOCK_DOOR)) {
        fig_log_info("%s: waiting for another process that opens the store",
                     lock->path);

        if (!lock_byte(lock, F_OFD_SETLKW, F_WRLCK, LOCK_DOOR)) {
            fig_log_errno("cannot lock %s", lock->path);
            return FIG_ERROR;
        }
    }

    *alone = lock_byte(lock, F_OFD_SETLK, F_WRLCK, LOCK_USERS);

    *mark = FIG_SQLITE_OPEN;

    n = pread(lock->fd, text, sizeof(text), 0);

    for (i = 0; i < MARKS; i++) {

        if (n == MARK_SIZE && memcmp(text, marks[i], MARK_SIZE) == 0) {
            *mark = (fig_sqlite_mark_t) i;
        }
    }

    return FIG_OK;
}


fig_status_t
fig_sqlite_lock_joined(fig_sqlite_lock_t *lock, bool alone)
{
    if (alone && fig_sqlite_lock_mark(lock, FIG_SQLITE_OPEN) != FIG_OK) {
        return FIG_ERROR;
    }

    if (!lock_byte(lock, F_OFD_SETLKW, F_RDLCK, LOCK_USERS)) {
        fig_log_errno("cannot lock %s", lock->path);
        return FIG_ERROR;
    }

    (void) lock_byte(lock, F_OFD_SETLK, F_UNLCK, LOCK_DOOR);

    return FIG_OK;
}


bool
fig_sqlite_lock_leave(fig_sqlite_lock_t *lock, uint64_t timeout)
{
    uint64_t  deadline;

    deadline = fig_clock_us() + timeout * 1000;

    if (lock_poll(lock, LOCK_DOOR, deadline) != FIG_OK
        || !lock_byte(lock, F_OFD_SETLK, F_WRLCK, LOCK_USERS))
    {
        return false;
    }

    /* without the mark the next start has to check, no more */
    (void) fig_sqlite_lock_mark(lock, FIG_SQLITE_CLEAN);

    return true;
}


fig_status_t
fig_sqlite_lock_mark(fig_sqlite_lock_t *lock, fig_sqlite_mark_t mark)
{
    if (pwrite(lock->fd, marks[mark], MARK_SIZE, 0) != MARK_SIZE
        || fdatasync(lock->fd) != 0)
    {
        fig_log_errno("cannot write %s", lock->path);
        return FIG_ERROR;
    }

    return FIG_OK;
}


static bool
lock_byte(const fig_sqlite_lock_t *lock, int cmd, short type, off_t byte)
{
    int           rc;
    struct flock  range;

    memset(&range, 0, sizeof(range));

    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = byte;
    range.l_len = 1;

    do {
        rc = fcntl(lock->fd, cmd, &range);
    } while (rc == -1 && errno == EINTR);

    return rc != -1;
}


static fig_status_t
lock_poll(const fig_sqlite_lock_t *lock, off_t byte, uint64_t deadline)
{
    struct timespec  pause;

    pause.tv_sec = 0;
    pause.tv_nsec = LOCK_POLL;

    while (!lock_byte(lock, F_OFD_SETLK, F_WRLCK, byte)) {

        if (errno != EAGAIN && errno != EACCES) {
            fig_log_errno("cannot lock %s", lock->path);
            return FIG_ERROR;
        }

        if (fig_clock_us() >= deadline) {
            return FIG_BUSY;
        }

        (void) nanosleep(&pause, NULL);
    }

    return FIG_OK;
}
