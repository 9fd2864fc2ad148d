// Copyright (C) Ficus authors
//
// The splits: how each is, and what share its arms have.

import { el } from '../dom.js';
import { health, model } from '../model.js';
import { armClass, mark } from './parts.js';

const MANY = 8;                 // a longer list can be filtered
const FEW = 3;                  // arms whose shares have room
const RANKS = { bad: 0, warn: 1, idle: 2, ok: 2 };


export function splitList(current) {
    const all = (model.splits ?? []).map((split) =>
        ({ split, state: health(split) }));
    const wanted = model.filter.toLowerCase();
    const shown = all.filter(({ split }) =>
        split.name.toLowerCase().includes(wanted)).sort(byRank);

    return [
        el('h2', { class: 'quiet' }, 'Splits'),
        all.length > MANY && filter(),
        all.length > 1 && summary(all),
        el('ul', {}, shown.map(({ split, state }) =>
            item(split, state, split === current))),
        all.length > 0 && shown.length === 0
            && el('p', { class: 'hint' }, 'No split has such a name.'),
    ];
}


// What is not well is at the top; the others are as in the configuration.

function byRank(a, b) {
    return RANKS[a.state.level] - RANKS[b.state.level];
}


function summary(all) {
    const wrong = all.filter(({ state }) => RANKS[state.level] < 2).length;

    return el('p', { class: 'hint' }, wrong
        ? `${wrong} of ${all.length} not well`
        : `${all.length}, ${model.live.ok ? 'none in trouble' : 'not live'}`);
}


function filter() {
    return el('input', { type: 'search', 'aria-label': 'Filter the splits',
        placeholder: 'Filter', 'data-input': 'filter', value: model.filter });
}


function item(split, { level, text }, isCurrent) {
    return el('li', { 'data-key': split.name },
        el('a', { href: `#/${encodeURIComponent(split.name)}`,
            'aria-current': isCurrent && 'page' },
            el('span', { class: 'name' }, mark(level), split.name,
                el('span', { class: 'unseen' }, `, ${text}`)),
            el('span', { class: 'bar', 'aria-hidden': 'true' },
                split.arms.map(({ name, effective }) =>
                    el('span', { class: armClass(split, name),
                        style: { width: `${effective}%` } }))),
            el('span', { class: 'small' }, shares(split))));
}


// Of many arms that of the baseline alone.

function shares({ arms, baseline }) {
    const shown = arms.length > FEW
        ? arms.filter(({ name }) => name === baseline) : arms;
    const rest = arms.length - shown.length;

    return shown.map(({ name, effective }) => `${name} ${effective}`)
        .join(' / ') + (rest ? ` %, ${rest} others` : ' %');
}
