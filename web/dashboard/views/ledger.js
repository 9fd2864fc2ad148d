// Copyright (C) Ficus authors
//
// What each route still needs of the baseline.

import { el } from '../dom.js';
import { count, percent, when } from '../format.js';
import { badge, panel, swatch, table } from './parts.js';

const VERDICTS = { needed: 'warn', watching: 'idle', unneeded: 'ok' };


export function ledger(split, book) {
    if (!book) {
        return null;
    }

    return panel('ledger', 'Ledger',
        el('p', { class: 'hint' }, `What each route still needs of `
            + `${split.baseline}, since ${when(book.since)}.`),
        table('Routes', [
            'Route', 'Verdict', 'Share of requests',
            { text: 'Requests', number: true },
            { text: 'Rescued', number: true },
            { text: 'Differ', number: true },
            `Last by ${split.baseline}`,
        ], book.routes.map((route) => row(split, route))));
}


function row(split, route) {
    const pinned = sum(route.pinned);

    return { key: route.route, cells: [
        route.route,
        [badge(VERDICTS[route.verdict] ?? 'idle', route.verdict),
            el('span', { class: 'says' }, route.says)],
        el('ul', { class: 'mini' }, Object.entries(route.share ?? {})
            .map(([name, share]) => el('li', { 'data-key': name },
                swatch(split, name), `${name} ${percent(share, 1)}`))),
        [count(sum(route.requests)), pinned > 0
            && el('span', { class: 'says' }, `${count(pinned)} pinned`)],
        count(route.rescued),
        route.compared ? `${count(route.mismatched)} of `
            + count(route.compared) : '–',
        route.last_baseline ? el('time', { datetime: route.last_baseline },
            when(route.last_baseline)) : 'never',
    ] };
}


function sum(counts = {}) {
    return Object.values(counts).reduce((all, n) => all + n, 0);
}
