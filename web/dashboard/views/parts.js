// Copyright (C) Ficus authors
//
// Pieces that several views are made of.

import { el } from '../dom.js';

// Shapes beside colours: nobody has to tell red from green.
const MARKS = {
    ok: ['circle', { cx: 8, cy: 8, r: 5 }],
    idle: ['circle', { cx: 8, cy: 8, r: 4, class: 'hollow' }],
    warn: ['polygon', { points: '8,2 15,14 1,14' }],
    bad: ['rect', { x: 2.5, y: 2.5, width: 11, height: 11 }],
};


export function mark(level) {
    const [name, attributes] = MARKS[level];

    return el('svg', { class: `mark ${level}`, viewBox: '0 0 16 16',
        'aria-hidden': 'true' }, el(name, attributes));
}


export function badge(level, text) {
    return el('span', { class: `badge ${level}` }, mark(level), text);
}


export function panel(id, title, ...content) {
    return el('section', { class: `panel ${id}`, 'data-key': id,
        'aria-labelledby': `${id}-title` },
        el('h2', { id: `${id}-title` }, title), ...content);
}


// One that cannot be used now keeps the focus: it is not disabled for the
// browser, and main.js does not run its action.

export function button(text, action, { disabled, ...attributes } = {}) {
    return el('button', { type: 'button', 'data-action': action,
        'aria-disabled': disabled && 'true', ...attributes }, text);
}


// A row is { key, cells }, a column a text or { text, number: true }.  It can
// be scrolled with the keyboard where it is wider than the screen.  On a phone
// each row is a card, whose cells say what they are; the roles are told since
// what is no longer drawn as a table is none to every browser.

export function table(caption, columns, rows) {
    const heads = columns.map((column) =>
        typeof column === 'string' ? { text: column } : column);

    return el('div', { class: 'scroll', role: 'region', tabindex: '0',
        'aria-label': caption },
        el('table', { role: 'table' },
            el('caption', {}, caption),
            el('thead', { role: 'rowgroup' },
                el('tr', { role: 'row' }, heads.map(({ text, number }) =>
                    el('th', { scope: 'col', role: 'columnheader',
                        class: number && 'number' }, text)))),
            el('tbody', { role: 'rowgroup' }, rows.map(({ key, cells }) =>
                el('tr', { 'data-key': key, role: 'row' },
                    cells.map((cell, i) => tableCell(heads[i], cell, i)))))));
}


function tableCell({ text, number }, cell, i) {
    const content = el('div', {}, cell);

    return i === 0
        ? el('th', { scope: 'row', role: 'rowheader', 'data-label': text },
            content)
        : el('td', { role: 'cell', class: number && 'number',
            'data-label': text }, content);
}


// A term and what is said of it, for a <dl>.

export function fact(term, ...value) {
    return el('div', { class: 'fact' }, el('dt', {}, term),
        el('dd', {}, ...value));
}


// The class that gives an arm its colour.

export function armClass(split, name) {
    const n = split.arms.findIndex((arm) => arm.name === name);

    return `arm-${Math.max(n, 0) % 8}`;
}


export function swatch(split, name) {
    return el('span', { class: `swatch ${armClass(split, name)}`,
        'aria-hidden': 'true' });
}
