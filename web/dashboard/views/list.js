// Copyright (C) Ficus authors
//
// The splits: how each is, and what share its arms have.

import { el } from '../dom.js';
import { health, model } from '../model.js';
import { armClass, mark } from './parts.js';

const MANY = 8;                 // a longer list can be filtered


export function splitList(current) {
    const all = model.splits ?? [];
    const wanted = model.filter.toLowerCase();
    const shown = all.filter(({ name }) =>
        name.toLowerCase().includes(wanted));

    return [
        el('h2', { class: 'quiet' }, 'Splits'),
        all.length > MANY && filter(),
        el('ul', {}, shown.map((split) => item(split, split === current))),
        all.length > 0 && shown.length === 0
            && el('p', { class: 'hint' }, 'No split has such a name.'),
    ];
}


function filter() {
    return el('input', { type: 'search', 'aria-label': 'Filter the splits',
        placeholder: 'Filter', 'data-input': 'filter', value: model.filter });
}


function item(split, isCurrent) {
    const { level, text } = health(split);

    return el('li', { 'data-key': split.name },
        el('a', { href: `#/${encodeURIComponent(split.name)}`,
            'aria-current': isCurrent && 'page' },
            el('span', { class: 'name' }, mark(level), split.name,
                el('span', { class: 'unseen' }, `, ${text}`)),
            el('span', { class: 'bar', 'aria-hidden': 'true' },
                split.arms.map(({ name, effective }) =>
                    el('span', { class: armClass(split, name),
                        style: { width: `${effective}%` } }))),
            el('span', { class: 'small' }, split.arms.map((arm) =>
                `${arm.name} ${arm.effective}`).join('  '))));
}
