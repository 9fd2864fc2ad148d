// Copyright (C) Ficus authors
//
// A card for each arm: its breaker, and how it did in the last minute.

import { el } from '../dom.js';
import { count, percent, rate, ratio, seconds } from '../format.js';
import { seenOf, seenSinceChange } from '../model.js';
import { armClass, badge, fact, swatch } from './parts.js';

const BREAKER = {
    closed: ['ok', 'closed'],
    open: ['bad', 'open'],
    'half-open': ['warn', 'half-open'],
    recovering: ['warn', 'recovering'],
};


export function arms(split) {
    const seen = seenOf(split);
    const shares = seenSinceChange(split).seen;

    return el('section', { class: 'arms', 'data-key': 'arms',
        'aria-labelledby': 'arms-title' },
        el('h2', { id: 'arms-title', class: 'unseen' },
            'Arms, in the last minute'),
        split.arms.map((arm) => card(split, arm,
            seen.get(arm.name), shares.get(arm.name)?.share)));
}


function card(split, arm, seen, share) {
    return el('article', { class: `arm ${armClass(split, arm.name)}`,
        'data-key': arm.name, 'aria-label': `Arm ${arm.name}` },
        el('h3', {}, swatch(split, arm.name), arm.name, breaker(arm)),
        arm.state_reason && el('p', { class: 'why' }, arm.state_reason),
        el('dl', {},
            fact('Requests', rate(seen?.rate)),
            fact('Errors', ratio(seen?.errors)),
            fact('p50', seconds(seen?.p50)),
            fact('p99', seconds(seen?.p99)),
            fact('Set to', percent(arm.configured)),
            fact('In effect', percent(arm.effective)),
            fact('Seen', percent(share)),
            arm.name !== split.baseline
                && fact('Rescued', rescued(arm, seen))));
}


function breaker({ state }) {
    const [level, text] = BREAKER[state] ?? ['warn', state];

    return badge(level, `breaker ${text}`);
}


// Since the gateway was started, and how many of them are recent.

function rescued(arm, seen) {
    return [count(arm.rescued), seen?.rescued > 0
        && el('span', { class: 'small' }, ` (${count(seen.rescued)} new)`)];
}
