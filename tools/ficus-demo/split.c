
/*
 * Copyright (C) Ficus authors
 */


#include <stdio.h>
#include <string.h>

#include "demo.h"


#define DEMO_SPLIT  "/api/v1/splits/users"


static int demo_split_put(demo_t *demo, const char *path, json_object *body);


/* what the weights are now; a line says what is wrong otherwise */

int
demo_split_save(demo_t *demo)
{
    size_t        i;
    demo_job_t   *job;
    json_object  *split, *arms, *arm, *name, *weight;

    job = demo_call(demo, "GET", DEMO_SPLIT, NULL);

    if (job->status == 0) {
        fprintf(stderr, "ficus-demo: Ficus does not run at %s (%s); type: "
                "make run\n", demo->admin, job->error);
        return -1;
    }

    split = demo_json(job);

    if (job->status != 200
        || !json_object_object_get_ex(split, "arms", &arms)
        || !json_object_is_type(arms, json_type_array)
        || json_object_array_length(arms) != 2)
    {
        fprintf(stderr, "ficus-demo: %s has no split users of two arms\n",
                demo->admin);
        json_object_put(split);
        return -1;
    }

    demo->weights = json_object_new_object();

    for (i = 0; i < 2; i++) {
        arm = json_object_array_get_idx(arms, i);

        if (json_object_object_get_ex(arm, "name", &name)
            && json_object_object_get_ex(arm, "configured", &weight))
        {
            (void) json_object_object_add(demo->weights,
                                          json_object_get_string(name),
                                          json_object_get(weight));
        }
    }

    json_object_put(split);

    return 0;
}


int
demo_split_p(demo_t *demo, unsigned p)
{
    json_object  *body;

    body = json_object_new_object();
    (void) json_object_object_add(body, "p", json_object_new_int((int) p));

    return demo_split_put(demo, DEMO_SPLIT "/p", body);
}


int
demo_split_restore(demo_t *demo)
{
    return demo_split_put(demo, DEMO_SPLIT "/weights",
                          json_object_get(demo->weights));
}


static int
demo_split_put(demo_t *demo, const char *path, json_object *body)
{
    demo_job_t  *job;

    job = demo_call(demo, "PUT", path, body);

    if (job->status == 200) {
        return 0;
    }

    demo_error(demo, job, "for a change of weights");

    return -1;
}
