// Copyright (C) Ficus authors
//
// Says in the live region what somebody who does not see the page has to know:
// new weights, arms that fail or recover, ramps that end, and whether what is
// shown is old.  Never the figures of each second.

import { el } from './dom.js';
import { clock, weights } from './format.js';
import { model, weightsOf } from './model.js';

const KEPT = 5;                 // messages; assistive technology reads new ones

let known = null;               // what was said last, by split
let live = true;


export function announce(text) {
    const log = document.getElementById('live');

    log.append(el('p', {}, text));

    while (log.childElementCount > KEPT) {
        log.firstElementChild.remove();
    }
}


export function announceChanges() {
    if (model.live.ok !== live) {
        live = model.live.ok;
        announce(live ? 'The figures are live again'
            : `No answer: stale since ${clock(model.live.since)}`);
    }

    if (!live) {
        return;
    }

    const before = known;

    known = new Map(model.splits.map((split) => [split.name, facts(split)]));

    for (const [name, now] of known) {
        for (const [what, text] of Object.entries(now)) {
            const old = before?.get(name);

            if (old && old[what] !== text && text) {
                announce(`${name}: ${text}`);
            }
        }
    }
}


function facts(split) {
    return {
        change: `weights are ${weights(weightsOf(split))}`,
        arms: split.arms.map(({ name, state }) => `${name} ${state}`)
            .join(', '),
        ramp: split.ramp && `the ramp is ${split.ramp.state}`,
    };
}
