// Copyright (C) Ficus authors
//
// What the questions about a change have in common.

import { field } from './dialog.js';
import { el } from './dom.js';
import { percent } from './format.js';
import { swatch } from './views/parts.js';

let author = '';                // as it was typed the last time


// What the weights are and what they would be.

export function comparison(split, weights) {
    return el('table', { class: 'comparison' },
        el('caption', { class: 'unseen' }, 'Weights now and then'),
        el('thead', {}, el('tr', {}, ['Arm', 'Now', 'Then'].map((text) =>
            el('th', { scope: 'col' }, text)))),
        el('tbody', {}, split.arms.map(({ name, configured }) =>
            el('tr', {},
                el('th', { scope: 'row' }, swatch(split, name), name),
                el('td', {}, percent(configured)),
                el('td', {}, el('b', {}, percent(weights[name] ?? 0)))))));
}


export function reasonFields() {
    return [
        field('Why', { name: 'reason', maxlength: 120, autocomplete: 'off',
            autofocus: true }, 'Goes into the history.'),
        field('Who', { name: 'by', value: author, maxlength: 64,
            pattern: '[ -~]*', title: 'printable ASCII',
            autocomplete: 'off' },
        'Your address when it is left empty.'),
    ];
}


export function toOptions({ reason, by }, generation) {
    author = by;

    return { generation, reason: reason.trim(), by: by.trim() };
}
