// Copyright (C) Ficus authors
//
// How the services behind the gateway are: whether each is ready, and whether
// what it follows is in step.  A gateway without them has none.

import { getHealth, getIfThere } from './api.js';
import { model } from './model.js';


export async function loadWorkers() {
    const names = await getIfThere('workers/') ?? [];
    const rows = await Promise.all(names.map(look));

    model.workers = rows.filter(Boolean);
}


async function look(name) {
    const path = `workers/${encodeURIComponent(name)}/`;
    const ready = await getHealth(`${path}readyz`);

    return ready && { name, ready,
        follows: ready.checks?.sync ? await followed(path) : [] };
}


// One for each that it follows: its last compare and its dead letters, null for
// what is not told now.

async function followed(path) {
    const first = await ask(`${path}sync`);

    return Promise.all((first?.sources ?? []).map(async (source, i) => {
        const query = `source=${encodeURIComponent(source)}`;
        const [sync, letters] = await Promise.all([
            i === 0 ? first : ask(`${path}sync?${query}`),
            ask(`${path}dlq?limit=1000&${query}`),
        ]);

        return { source, sync, letters };
    }));
}


function ask(path) {
    return getIfThere(path).catch(() => null);
}
