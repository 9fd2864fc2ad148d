
/*
 * Copyright (C) Ficus authors
 */


#include "fig_resource.h"
#include <sys/random.h>
#include <time.h>


#define FIG_ULID  26


fig_status_t
fig_resource_ulid(fig_arena_t *arena, fig_str_t *id)
{
    char             text[FIG_ULID];
    size_t           i;
    uint8_t          chance[16];
    uint64_t         ms;
    struct timespec  now;

    static const char  digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    if (getrandom(chance, sizeof(chance), 0) != (ssize_t) sizeof(chance)) {
        return FIG_ERROR;
    }

    clock_gettime(CLOCK_REALTIME, &now);
    ms = (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;

    for (i = 10; i > 0; i--) {
        text[i - 1] = digits[ms & 31];
        ms >>= 5;
    }

    for (i = 0; i < 16; i++) {
        text[10 + i] = digits[chance[i] & 31];
    }

    *id = fig_arena_dup(arena, (fig_str_t) { sizeof(text), text });

    return id->data != NULL ? FIG_OK : FIG_NOMEM;
}
