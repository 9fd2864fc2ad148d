// Copyright (C) Ficus authors
//
// The services behind the gateway, in short.

import { el } from '../dom.js';
import { ago, plural } from '../format.js';
import { badge, panel } from './parts.js';

const LEVELS = { ok: 'ok', degraded: 'warn' };


export function workers(rows) {
    return rows?.length ? panel('workers', 'Workers',
        el('ul', {}, rows.map(worker))) : null;
}


function worker({ name, ready, sync, letters }) {
    return el('li', { 'data-key': name },
        el('b', {}, name),
        badge(LEVELS[ready.status] ?? 'bad', ready.status ?? 'down'),
        checks(ready.checks),
        ready.detail && el('span', { class: 'small' }, ready.detail),
        sync && inStep(sync),
        letters && badge(letters.length ? 'warn' : 'ok',
            letters.length ? plural(letters.length, 'dead letter',
                'dead letters') : 'no dead letters'));
}


function checks(all = {}) {
    const wrong = Object.entries(all).filter(([, text]) => text !== 'ok');

    return wrong.length ? el('span', { class: 'small' },
        wrong.map(([name, text]) => `${name}: ${text}`).join(', ')) : null;
}


function inStep({ last }) {
    if (!last) {
        return badge('idle', 'not compared with the users yet');
    }

    const level = last.result === 'level';

    return badge(level || last.result === 'repaired' ? 'ok' : 'warn',
        `${level ? 'in step with the users' : `compared: ${last.result}`}, `
        + ago(last.at));
}
