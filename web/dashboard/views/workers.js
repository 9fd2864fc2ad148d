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


function worker({ name, ready, follows }) {
    return el('li', { 'data-key': name },
        el('b', {}, name),
        badge(LEVELS[ready.status] ?? 'bad', ready.status ?? 'down'),
        checks(ready.checks),
        ready.detail && el('span', { class: 'small' }, ready.detail),
        follows.map(inStep),
        dead(follows));
}


function checks(all = {}) {
    const wrong = Object.entries(all).filter(([, text]) => text !== 'ok');

    return wrong.length ? el('span', { class: 'small' },
        wrong.map(([name, text]) => `${name}: ${text}`).join(', ')) : null;
}


function inStep({ source, sync }) {
    const last = sync?.last;

    if (!last) {
        return sync && badge('idle', `not compared with ${source} yet`);
    }

    const level = last.result === 'level';

    return badge(level || last.result === 'repaired' ? 'ok' : 'warn',
        `${level ? `in step with ${source}`
            : `compared with ${source}: ${last.result}`}, ${ago(last.at)}`);
}


function dead(follows) {
    const known = follows.filter(({ letters }) => letters);
    const n = known.reduce((sum, { letters }) => sum + letters.length, 0);

    return known.length > 0 && badge(n ? 'warn' : 'ok', n
        ? plural(n, 'dead letter', 'dead letters') : 'no dead letters');
}
