// Copyright (C) Ficus authors
//
// The most important of all: what share goes where, and whether that is well.

import { el } from '../dom.js';
import { ago, duration, percent, when } from '../format.js';
import { health, seenSinceChange } from '../model.js';
import { MINUTE } from '../series.js';
import { armClass, badge, button, swatch } from './parts.js';


export function shares(split) {
    const { level, text } = health(split);

    return el('section', { class: `shares ${level}`, 'data-key': 'shares',
        'aria-labelledby': 'name' },
        el('div', { class: 'title' },
            el('h1', { id: 'name' }, split.name),
            badge(level, text)),
        effect(split),
        el('ul', { class: 'numbers' },
            split.arms.map((arm) => number(split, arm))),
        bar(split, 'Share in effect', ({ effective }) => effective),
        seenBar(split),
        el('div', { class: 'last' }, lastChange(split), wayBack(split)));
}


function number(split, { name, configured, effective }) {
    const [whole, rest] = effective.toFixed(2).split('.');
    const differs = configured !== effective;

    return el('li', { 'data-key': name, class: armClass(split, name) },
        el('span', { class: 'who' }, swatch(split, name), name,
            name === split.baseline
                && el('span', { class: 'tag' }, 'baseline')),
        el('span', { class: 'big' }, whole,
            el('span', { class: 'cents' }, `.${rest} %`)),
        differs && el('span', { class: 'asked' },
            `set to ${percent(configured)}`));
}


// Why the shares in effect are not those that were set.

function effect({ effective_reason: reason }) {
    if (!reason || reason === 'configured') {
        return null;
    }

    return el('p', { class: 'effect' }, reason === 'breaker'
        ? 'A breaker has taken an arm’s share away; the weights that were set'
            + ' come back by themselves when it answers again.'
        : `${reason[0].toUpperCase()}${reason.slice(1)}.`);
}


function bar(split, label, share, kind = '') {
    const parts = split.arms.map((arm) => ({ arm, part: share(arm) ?? 0 }));

    return el('div', { class: `bar ${kind}`, role: 'img', 'aria-label':
        `${label}: ${parts.map(({ arm, part }) =>
            `${arm.name} ${percent(part)}`).join(', ')}` },
        parts.map(({ arm, part }) => el('span', { 'data-key': arm.name,
            class: armClass(split, arm.name),
            style: { width: `${part}%` } })));
}


function seenBar(split) {
    const { window, seen } = seenSinceChange(split);
    const time = window === MINUTE ? 'minute' : duration(window / 1000);
    const texts = split.arms.map(({ name }) =>
        `${name} ${percent(seen.get(name)?.share)}`);
    const any = [...seen.values()].some((counts) => counts?.requests > 0);

    return el('div', { class: 'seen' },
        bar(split, 'Share seen', ({ name }) => seen.get(name)?.share, 'thin'),
        el('p', { class: 'small' }, any
            ? `Seen in the last ${time}: ${texts.join(', ')}`
            : 'Nothing was seen in the last minute'));
}


// Why, unless nobody has said so.

function lastChange(split) {
    const { changed_by: by, reason } = split;
    const why = reason === by || reason === 'operator' ? '' : `: ${reason}`;

    return el('p', { class: 'small' }, 'Set ',
        el('time', { datetime: split.changed_at,
            title: when(split.changed_at) }, ago(split.changed_at)),
        ' by ', el('b', {}, by), why,
        el('span', { class: 'generation' },
            ` (generation ${split.generation})`));
}


function wayBack(split) {
    const baseline = split.arms.find(({ name }) => name === split.baseline);

    return button(`Send everything to ${split.baseline}`, 'back', {
        class: 'danger', disabled: baseline.configured === 100,
        title: 'Sets the baseline to 100 %, after a confirmation' });
}
