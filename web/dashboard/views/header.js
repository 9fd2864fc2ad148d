// Copyright (C) Ficus authors
//
// The bar at the top: what this is, whether the figures are live.

import { hasToken } from '../api.js';
import { el } from '../dom.js';
import { clock, zone } from '../format.js';
import { model } from '../model.js';
import { badge, button } from './parts.js';


export function header() {
    return [
        el('p', { class: 'brand' },
            el('img', { src: 'dashboard/icon.svg', alt: '', width: 24,
                height: 24 }),
            'Ficus', el('span', { class: 'host' }, location.host)),
        el('div', { class: 'status' },
            gateway(), services(), live(),
            hasToken() && button('Forget token', 'forget-token')),
    ];
}


function live() {
    const { ok, since, at } = model.live;

    if (ok) {
        return badge('ok', `Live, ${clock(at)} ${zone()}`);
    }

    return since ? badge('bad', `Stale since ${clock(since)}`)
        : badge('idle', 'Connecting');
}


// Only when it has something to say.

function gateway() {
    if (!model.ready || model.ready.status === 'ok') {
        return null;
    }

    const checks = Object.entries(model.ready.checks ?? {})
        .filter(([, text]) => text !== 'ok')
        .map(([name, text]) => `${name}: ${text}`);

    return badge('warn', ['Gateway is', model.ready.status, '-',
        checks.join(', ')].join(' '));
}


// Those that are not well; the panel at the bottom says why.

function services() {
    const wrong = (model.workers ?? []).filter(({ ready }) =>
        ready.status !== 'ok');
    const level = wrong.every(({ ready }) => ready.status === 'degraded')
        ? 'warn' : 'bad';

    return wrong.length > 0 && badge(level, wrong.map(({ name, ready }) =>
        `${name} is ${ready.status ?? 'down'}`).join(', '));
}
