
/*
 * Copyright (C) Ficus authors
 */


/*
 * Tries the publication of tables, ngx_http_strangler_publish(), _snapshot()
 * and _refresh(), on the memory of model.h:
 *
 *     publish [--runs N] [--without FUNCTION:LINE] [--fences]
 *
 * Two processes publish and two read; whatever is read has to be a table that
 * was published, and of the generation that the word says.  Exits 1, with the
 * seed, when it is not.
 */


#include "ngx_http_strangler.h"
#include "model.h"


#define PUBLISH_RUNS     2000
#define PUBLISH_TIMES    3
#define PUBLISH_REGION   500        /* slots that are alike */


static void publish_begin(ngx_http_strangler_sh_t *sh);
static void publish_writer(unsigned number, void *view);
static void publish_reader(unsigned number, void *view);
static void publish_split(unsigned number, ngx_http_strangler_sh_t *sh);
static void publish_fill(ngx_http_strangler_table_t *table,
    uint64_t generation);
static u_char publish_slot(uint64_t generation, ngx_uint_t slot);
static void publish_look(ngx_http_strangler_table_t *table,
    ngx_atomic_uint_t word);


static ngx_slab_pool_t               publish_pool;
static ngx_http_strangler_zone_t     publish_zone;
static ngx_http_strangler_sh_t       publish_sh;
static ngx_http_strangler_split_t    publish_splits[MODEL_PROCESSES];
static ngx_http_strangler_local_t    publish_local[MODEL_PROCESSES];
static ngx_http_strangler_table_t    publish_table[MODEL_PROCESSES];

static const model_process_pt  publish_processes[MODEL_PROCESSES] = {
    publish_writer, publish_writer, publish_reader, publish_reader
};


int
main(int argc, char **argv)
{
    int       i, fences;
    unsigned  seed, runs;

    runs = PUBLISH_RUNS;
    fences = 0;

    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--fences") == 0) {
            fences = 1;

        } else if (i + 1 < argc && strcmp(argv[i], "--without") == 0) {
            model_leave_out(argv[++i]);

        } else if (i + 1 < argc && strcmp(argv[i], "--runs") == 0) {
            runs = (unsigned) strtoul(argv[++i], NULL, 10);

        } else {
            fprintf(stderr, "publish: what is \"%s\"?\n", argv[i]);
            return 2;
        }
    }

    for (seed = 1; seed <= runs; seed++) {
        publish_begin(&publish_sh);

        model_run(publish_processes, MODEL_PROCESSES, &publish_sh,
                  sizeof(publish_sh), seed);

        if (model_failure()) {
            printf("seed %u failed: %s\n", seed, model_failure());
            return 1;
        }
    }

    if (fences) {
        model_fences();
    }

    return 0;
}


static void
publish_begin(ngx_http_strangler_sh_t *sh)
{
    publish_zone.shpool = &publish_pool;

    publish_fill(&sh->table[0], 1);
    publish_fill(&sh->table[1], 0);

    sh->word = 1 << 1;
}


static void
publish_writer(unsigned number, void *view)
{
    ngx_uint_t                   i;
    ngx_atomic_uint_t            word;
    ngx_http_strangler_sh_t     *sh = view;
    ngx_http_strangler_table_t  *table;

    publish_split(number, sh);
    table = &publish_table[number];

    for (i = 0; i < PUBLISH_TIMES; i++) {
        word = ngx_http_strangler_snapshot(sh, table);
        publish_look(table, word);

        publish_fill(table, (word >> 1) + 1);

        (void) ngx_http_strangler_publish(&publish_splits[number], word,
                                          table);
    }
}


static void
publish_reader(unsigned number, void *view)
{
    ngx_uint_t                   i, slot;
    ngx_atomic_uint_t            word;
    ngx_http_strangler_sh_t     *sh = view;
    ngx_http_strangler_local_t  *local;

    publish_split(number, sh);
    local = &publish_local[number];

    for (i = 0; i < 2 * PUBLISH_TIMES; i++) {

        if (model_random() % 2) {
            word = ngx_http_strangler_snapshot(sh, &publish_table[number]);
            publish_look(&publish_table[number], word);
            continue;
        }

        ngx_http_strangler_refresh(&publish_splits[number]);

        if (local->ramp.id != local->generation) {
            model_fail("a ramp of another generation");
        }

        for (slot = 0; slot < NGX_HTTP_STRANGLER_SLOTS; slot++) {
            if (local->own[slot] != publish_slot(local->generation, slot)) {
                model_fail("slots of another generation");
            }
        }
    }
}


static void
publish_split(unsigned number, ngx_http_strangler_sh_t *sh)
{
    ngx_http_strangler_split_t  *split;

    split = &publish_splits[number];

    ngx_memzero(split, sizeof(ngx_http_strangler_split_t));
    ngx_memzero(&publish_local[number], sizeof(ngx_http_strangler_local_t));

    split->sh = sh;
    split->zone = &publish_zone;
    split->local = &publish_local[number];
    split->narms = 2;
    split->arm[1].id = 1;
}


static void
publish_fill(ngx_http_strangler_table_t *table, uint64_t generation)
{
    ngx_uint_t  i;

    ngx_memzero(table, sizeof(ngx_http_strangler_table_t));

    for (i = 0; i < NGX_HTTP_STRANGLER_HISTORY; i++) {
        table->record[i].generation = generation;
    }

    table->ramp.id = generation;
    table->nrecords = generation;

    for (i = 0; i < NGX_HTTP_STRANGLER_SLOTS; i++) {
        table->slot[i] = publish_slot(generation, i);
    }
}


/* of one of two arms; no two generations are alike */

static u_char
publish_slot(uint64_t generation, ngx_uint_t slot)
{
    return (generation * 0x9e3779b9u >> slot / PUBLISH_REGION) & 1;
}


static void
publish_look(ngx_http_strangler_table_t *table, ngx_atomic_uint_t word)
{
    static ngx_http_strangler_table_t  whole;

    publish_fill(&whole, word >> 1);

    if (memcmp(table, &whole, sizeof(whole)) != 0) {
        model_fail("a table that was never published");
    }
}


/* there are no breakers */

ngx_uint_t
ngx_http_strangler_state(ngx_http_strangler_split_t *split, ngx_uint_t arm)
{
    return ngx_http_strangler_closed;
}


ngx_uint_t
ngx_http_strangler_effective(ngx_http_strangler_split_t *split,
    ngx_http_strangler_weights_t *configured,
    ngx_http_strangler_weights_t *effective)
{
    *effective = *configured;

    return 1;
}
