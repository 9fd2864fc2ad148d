// Copyright (C) Ficus authors
//
// How the services behind the gateway are: whether each is ready, and whether
// the orders are in step with the users.  A gateway without them has none.

import { getHealth, getIfThere } from './api.js';
import { model } from './model.js';

const NAMES = ['users-v1', 'users-v2', 'orders'];


export async function loadWorkers() {
    const rows = await Promise.all(NAMES.map(look));

    model.workers = rows.filter(Boolean);
}


async function look(name) {
    const ready = await getHealth(`workers/${name}/readyz`);

    if (!ready || name !== 'orders' || ready.status === 'down') {
        return ready && { name, ready };
    }

    const [sync, letters] = await Promise.all(['sync', 'dlq?limit=1000']
        .map((rest) => getIfThere(`workers/${name}/${rest}`)
            .catch(() => null)));

    return { name, ready, sync, letters };
}
