
/*
 * Copyright (C) Ficus authors
 */


#include "fig_status.h"


const char *
fig_status_name(fig_status_t status)
{
    switch (status) {

    case FIG_OK:
        return "ok";

    case FIG_ERROR:
        return "error";

    case FIG_AGAIN:
        return "again";

    case FIG_DECLINED:
        return "declined";

    case FIG_NOMEM:
        return "out of memory";

    case FIG_INVALID:
        return "invalid";

    case FIG_CONFLICT:
        return "conflict";

    case FIG_TAKEN:
        return "taken";

    case FIG_BUSY:
        return "busy";

    case FIG_FULL:
        return "full";

    case FIG_UNKNOWN:
        return "unknown outcome";
    }

    return "no status";
}
