// Copyright (C) Ficus authors
//
// What is asked less often: history, ledger and differences of the split that
// is shown.  null: this gateway does not have it.

import { getHealth, getIfThere, splitPath } from './api.js';
import { model, selectedSplit } from './model.js';


export async function loadDetails() {
    const split = selectedSplit();

    if (!split) {
        return;
    }

    const { name } = split;
    const [history, verified, diff, ledger, ready] = await Promise.all([
        ask(name, '/history'),
        ask(name, '/history?verify=1'),
        ask(name, '/diff'),
        ask(name, '/ledger'),
        getHealth('readyz'),
    ]);

    model.ready = ready;

    // somebody may have gone to another split meanwhile
    if (selectedSplit()?.name === name) {
        model.details = { name, history, verified, diff, ledger };
    }
}


function ask(name, rest) {
    return getIfThere(splitPath(name, rest));
}
