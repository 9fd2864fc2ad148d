
/*
 * Copyright (C) Ficus authors
 */


/*
 * Status codes of the library, and the attributes that make the compiler
 * check its callers.  The first five mean what they mean in nginx.
 */


#ifndef FIG_STATUS_H_INCLUDED
#define FIG_STATUS_H_INCLUDED


typedef enum {
    FIG_OK = 0,
    FIG_ERROR = -1,       /* failed; the callee has logged why */
    FIG_AGAIN = -2,       /* not now: nothing was done, ask again */
    FIG_DECLINED = -3,    /* nothing there, or not mine; never an error */
    FIG_NOMEM = -4,       /* out of memory, or over the size limit */
    FIG_INVALID = -5,     /* the caller's input is wrong */
    FIG_CONFLICT = -6,    /* the stored version is another one */
    FIG_TAKEN = -7,       /* a unique value belongs to another document */
    FIG_BUSY = -8,        /* overloaded or locked: nothing was done */
    FIG_FULL = -9,        /* no space left: nothing was done */
    FIG_UNKNOWN = -10     /* it may or may not have happened */
} fig_status_t;


#define FIG_NODISCARD  __attribute__((warn_unused_result))
#define FIG_PRINTF(fmt, args)  __attribute__((format(printf, fmt, args)))


/*
 * The name of a status, "ok", "again", ..., for logs.  Never NULL; static.
 */

const char *fig_status_name(fig_status_t status);


#endif /* FIG_STATUS_H_INCLUDED */
