
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>

#include "fig_json.h"
#include "replay.h"


#define CTL_NAME_MAX        1048576
#define CTL_MOVES           CTL_MOVE(NGX_HTTP_STRANGLER_ARMS, 0)
#define CTL_MOVE(from, to)  ((from) * NGX_HTTP_STRANGLER_ARMS + (to))


/* keys and requests that go from one arm to another */

typedef struct {
    uint64_t  keys;
    uint64_t  requests;
} ctl_move_t;

typedef ctl_move_t  ctl_moves_t[CTL_MOVES];    /* by CTL_MOVE(from, to) */


static uint64_t ctl_moves(const ctl_replay_t *replay, ctl_moves_t moves);
static double ctl_keyless_share(const ctl_split_t *split);
static double ctl_percent(uint64_t part, uint64_t whole);
static void ctl_show_what(const ctl_split_t *split,
    const ngx_http_strangler_weights_t *weights);
static void ctl_show_summary(const ctl_replay_t *replay, uint64_t moving);
static void ctl_show_unseen(const ctl_replay_t *replay);
static bool ctl_is_seen(const ctl_replay_t *replay, size_t source);
static void ctl_show_moves(const ctl_split_t *split, ctl_moves_t moves);
static void ctl_show_routes(const ctl_options_t *options,
    ctl_counts_t *routes, size_t top);
static void ctl_show_keys(const ctl_options_t *options, ctl_replay_t *replay,
    size_t top);
static void ctl_show_more(size_t n, size_t top);
static void ctl_json_weights(const char *name, const ctl_split_t *split,
    const ngx_http_strangler_weights_t *weights);
static void ctl_json_summary(const ctl_replay_t *replay, uint64_t moving);
static void ctl_json_moves(const ctl_split_t *split, ctl_moves_t moves);
static void ctl_json_rows(ctl_replay_t *replay, size_t top);
static void ctl_json_string(fig_str_t text);


void
ctl_replay_show(const ctl_options_t *options, ctl_replay_t *replay, size_t top)
{
    uint64_t      moving;
    ctl_split_t  *split;
    ctl_moves_t   moves;

    split = &replay->split;
    moving = ctl_moves(replay, moves);

    printf("%s%s%s  generation %lld, ", ctl_color(options, CTL_BOLD),
           split->name, ctl_color(options, CTL_PLAIN),
           (long long) split->generation);
    ctl_show_what(split, &split->now);
    fputs(", with ", stdout);
    ctl_show_what(split, &split->then);
    fputs(":\n\n", stdout);

    ctl_show_summary(replay, moving);
    ctl_show_unseen(replay);
    ctl_show_moves(split, moves);
    ctl_show_routes(options, &replay->routes, top);
    ctl_show_keys(options, replay, top);
}


/* how many keys go elsewhere, and from where to where */

static uint64_t
ctl_moves(const ctl_replay_t *replay, ctl_moves_t moves)
{
    size_t              i;
    uint64_t            n;
    ctl_move_t         *move;
    const ctl_count_t  *row;

    n = 0;
    memset(moves, 0, sizeof(ctl_moves_t));

    for (i = 0; i < replay->keys.size; i++) {
        row = &replay->keys.rows[i];

        if (row->name.data == NULL || row->moving == 0) {
            continue;
        }

        move = &moves[CTL_MOVE(replay->split.slot[row->bucket],
                               replay->split.next[row->bucket])];
        move->keys++;
        move->requests += row->moving;
        n++;
    }

    return n;
}


/* of requests without a key: what the arms gain, in per cent */

static double
ctl_keyless_share(const ctl_split_t *split)
{
    double    share;
    unsigned  i;

    share = 0;

    for (i = 0; i < split->now.narms; i++) {
        if (split->then.weight[i] > split->now.weight[i]) {
            share += split->then.weight[i] - split->now.weight[i];
        }
    }

    return share / 100;
}


static double
ctl_percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100 * (double) part / (double) whole;
}


static void
ctl_show_what(const ctl_split_t *split,
    const ngx_http_strangler_weights_t *weights)
{
    unsigned  i;

    for (i = 0; i < weights->narms; i++) {
        printf("%s%s=%.10g", i > 0 ? " " : "", split->arms[i],
               weights->weight[i] / 100.0);
    }
}


static void
ctl_show_summary(const ctl_replay_t *replay, uint64_t moving)
{
    size_t                    i;
    static const char *const  what[] = {
        [CTL_FIXED] = "decided by a pin or an override",
        [CTL_ELSEWHERE] = "not of this split",
        [CTL_UNKNOWN] = "with a key that the log does not have",
        [CTL_UNREADABLE] = "not understood"
    };

    printf("%12llu  requests\n%12llu  with a key; of %zu keys %llu would move, "
           "%.2f %%\n%12llu  without a key; %.2f %% of them would move\n",
           (unsigned long long) replay->read,
           (unsigned long long) replay->kinds[CTL_KEYED], replay->keys.n,
           (unsigned long long) moving, ctl_percent(moving, replay->keys.n),
           (unsigned long long) replay->kinds[CTL_KEYLESS],
           ctl_keyless_share(&replay->split));

    for (i = CTL_FIXED; i < CTL_KINDS; i++) {
        if (replay->kinds[i] > 0) {
            printf("%12llu  %s\n", (unsigned long long) replay->kinds[i],
                   what[i]);
        }
    }
}


/* requests that carry these may go elsewhere than is told here */

static void
ctl_show_unseen(const ctl_replay_t *replay)
{
    size_t  i, n;

    for (i = 0, n = 0; i < replay->split.nsources; i++) {
        if (!ctl_is_seen(replay, i)) {
            printf("%s%s", n++ > 0 ? ", " : "\nThe log does not tell ",
                   replay->split.sources[i]);
        }
    }

    if (n > 0) {
        puts(", which may be a key, too.");
    }
}


static bool
ctl_is_seen(const ctl_replay_t *replay, size_t source)
{
    size_t               i;
    const ctl_format_t  *format;

    /* the bucket says it all */

    format = &replay->formats[replay->line[0] == '{'];

    if (format->at[CTL_BUCKET] != -1 || format->at[CTL_SOURCE + source] != -1
        || strncmp(replay->split.sources[source], "$arg_", 5) == 0)
    {
        return true;
    }

    for (i = 0; i < replay->split.ncaptures; i++) {
        if (replay->split.captures[i].source == source) {
            return true;
        }
    }

    return false;
}


static void
ctl_show_moves(const ctl_split_t *split, ctl_moves_t moves)
{
    unsigned  from, to;

    putchar('\n');

    for (from = 0; from < split->now.narms; from++) {
        for (to = 0; to < split->now.narms; to++) {
            if (moves[CTL_MOVE(from, to)].keys > 0) {
                printf("%s -> %s: %llu keys, %llu requests\n",
                       split->arms[from], split->arms[to],
                       (unsigned long long) moves[CTL_MOVE(from, to)].keys,
                       (unsigned long long) moves[CTL_MOVE(from, to)].requests);
            }
        }
    }
}


static void
ctl_show_routes(const ctl_options_t *options, ctl_counts_t *routes, size_t top)
{
    size_t        i, n;
    ctl_count_t  *row;

    n = ctl_count_sort(routes);

    if (n == 0) {
        return;
    }

    printf("\n%s%12s %12s %7s  route%s\n", ctl_color(options, CTL_DIM),
           "requests", "would move", "share", ctl_color(options, CTL_PLAIN));

    for (i = 0; i < n && i < top; i++) {
        row = &routes->rows[i];

        printf("%12llu %12llu %7.2f  ", (unsigned long long) row->requests,
               (unsigned long long) row->moving,
               ctl_percent(row->moving, row->requests));
        ctl_text(row->name.data);
        putchar('\n');
    }

    ctl_show_more(n, top);
}


static void
ctl_show_keys(const ctl_options_t *options, ctl_replay_t *replay, size_t top)
{
    size_t        i, n;
    ctl_count_t  *row;
    ctl_split_t  *split;

    split = &replay->split;
    n = ctl_count_sort(&replay->keys);

    if (n == 0) {
        return;
    }

    printf("\n%s%12s  %-12s %-12s  key%s\n", ctl_color(options, CTL_DIM),
           "requests", "from", "to", ctl_color(options, CTL_PLAIN));

    for (i = 0; i < n && i < top; i++) {
        row = &replay->keys.rows[i];

        printf("%12llu  %-12s %-12s  ", (unsigned long long) row->requests,
               split->arms[split->slot[row->bucket]],
               split->arms[split->next[row->bucket]]);
        ctl_text(row->name.data);
        putchar('\n');
    }

    ctl_show_more(n, top);
}


static void
ctl_show_more(size_t n, size_t top)
{
    if (n > top) {
        printf("%12s  and %zu more; --top tells how many are shown\n", "",
               n - top);
    }
}


void
ctl_replay_json(ctl_replay_t *replay, size_t top)
{
    uint64_t      moving;
    ctl_split_t  *split;
    ctl_moves_t   moves;

    split = &replay->split;
    moving = ctl_moves(replay, moves);

    fputs("{\"split\":", stdout);
    ctl_json_string(fig_str_from(split->name));
    printf(",\"generation\":%lld", (long long) split->generation);
    ctl_json_weights("weights", split, &split->now);
    ctl_json_weights("to", split, &split->then);
    ctl_json_summary(replay, moving);
    ctl_json_moves(split, moves);
    ctl_json_rows(replay, top);
    puts("}");
}


static void
ctl_json_weights(const char *name, const ctl_split_t *split,
    const ngx_http_strangler_weights_t *weights)
{
    unsigned  i;

    printf(",\"%s\":{", name);

    for (i = 0; i < weights->narms; i++) {
        fputs(i > 0 ? "," : "", stdout);
        ctl_json_string(fig_str_from(split->arms[i]));
        printf(":%u.%02u", weights->weight[i] / 100u,
               weights->weight[i] % 100u);
    }

    putchar('}');
}


static void
ctl_json_summary(const ctl_replay_t *replay, uint64_t moving)
{
    size_t                    i, n;
    static const char *const  names[] = {
        [CTL_KEYED] = "keyed",
        [CTL_KEYLESS] = "keyless",
        [CTL_FIXED] = "fixed",
        [CTL_ELSEWHERE] = "elsewhere",
        [CTL_UNKNOWN] = "unknown",
        [CTL_UNREADABLE] = "unreadable"
    };

    printf(",\"requests\":{\"read\":%llu",
           (unsigned long long) replay->read);

    for (i = 0; i < CTL_KINDS; i++) {
        printf(",\"%s\":%llu", names[i],
               (unsigned long long) replay->kinds[i]);
    }

    printf("},\"keys\":{\"seen\":%zu,\"moving\":%llu},"
           "\"keyless_moving\":%.2f,\"unseen_sources\":[", replay->keys.n,
           (unsigned long long) moving, ctl_keyless_share(&replay->split));

    for (i = 0, n = 0; i < replay->split.nsources; i++) {
        if (!ctl_is_seen(replay, i)) {
            fputs(n++ > 0 ? "," : "", stdout);
            ctl_json_string(fig_str_from(replay->split.sources[i]));
        }
    }

    putchar(']');
}


static void
ctl_json_moves(const ctl_split_t *split, ctl_moves_t moves)
{
    unsigned     from, to;
    const char  *comma;

    comma = "";
    fputs(",\"moves\":[", stdout);

    for (from = 0; from < split->now.narms; from++) {
        for (to = 0; to < split->now.narms; to++) {

            if (moves[CTL_MOVE(from, to)].keys == 0) {
                continue;
            }

            printf("%s{\"from\":", comma);
            ctl_json_string(fig_str_from(split->arms[from]));
            fputs(",\"to\":", stdout);
            ctl_json_string(fig_str_from(split->arms[to]));
            printf(",\"keys\":%llu,\"requests\":%llu}",
                   (unsigned long long) moves[CTL_MOVE(from, to)].keys,
                   (unsigned long long) moves[CTL_MOVE(from, to)].requests);
            comma = ",";
        }
    }

    putchar(']');
}


static void
ctl_json_rows(ctl_replay_t *replay, size_t top)
{
    size_t        i, n;
    ctl_count_t  *row;
    ctl_split_t  *split;

    split = &replay->split;
    n = ctl_count_sort(&replay->routes);

    fputs(",\"routes\":[", stdout);

    for (i = 0; i < n && i < top; i++) {
        row = &replay->routes.rows[i];

        printf("%s{\"route\":", i > 0 ? "," : "");
        ctl_json_string(row->name);
        printf(",\"requests\":%llu,\"moving\":%llu}",
               (unsigned long long) row->requests,
               (unsigned long long) row->moving);
    }

    n = ctl_count_sort(&replay->keys);

    fputs("],\"moving\":[", stdout);

    for (i = 0; i < n && i < top; i++) {
        row = &replay->keys.rows[i];

        printf("%s{\"key\":", i > 0 ? "," : "");
        ctl_json_string(row->name);
        fputs(",\"from\":", stdout);
        ctl_json_string(fig_str_from(split->arms[split->slot[row->bucket]]));
        fputs(",\"to\":", stdout);
        ctl_json_string(fig_str_from(split->arms[split->next[row->bucket]]));
        printf(",\"bucket\":%u,\"requests\":%llu}", row->bucket,
               (unsigned long long) row->requests);
    }

    putchar(']');
}


static void
ctl_json_string(fig_str_t text)
{
    fig_buf_t  out;

    fig_buf_init(&out, CTL_NAME_MAX);
    fig_json_quote(&out, text);
    fputs(fig_buf_ok(&out) ? out.data : "\"\"", stdout);
    fig_buf_clear(&out);
}
