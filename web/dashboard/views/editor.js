// Copyright (C) Ficus authors
//
// Where the weights are changed: a slider for two arms, a number for each.
// Nothing is sent before it was confirmed.

import { el } from '../dom.js';
import { draftOf, weightsOf } from '../model.js';
import { armClass, button, panel, swatch } from './parts.js';

const PRESETS = [0, 1, 5, 10, 25, 50, 100];


export function editor(split) {
    const wanted = draftOf(split)?.weights ?? weightsOf(split);
    const sum = total(wanted);
    const dirty = isDirty(split);

    return panel('editor', 'Change the weights',
        meanwhile(split),
        split.arms.length === 2 && [slider(split, wanted),
            presets(split, wanted)],
        el('div', { class: 'fields' },
            split.arms.map(({ name }) => field(split, name, wanted[name]))),
        el('p', { class: sum === 10000 ? 'sum' : 'sum bad',
            id: 'weights-sum' }, sum === 10000
            ? 'Sum 100.00 %' : `Sum ${(sum / 100).toFixed(2)} %, not 100.00 %`),
        el('div', { class: 'buttons' },
            button('Review the change …', 'review',
                { class: 'primary', disabled: !dirty || sum !== 10000 }),
            button('Reset', 'reset', { disabled: !dirty })));
}


// In hundredths, which are whole.

export function total(weights) {
    return Object.values(weights).reduce((sum, weight) =>
        sum + Math.round(weight * 100), 0);
}


export function isDirty(split) {
    const draft = draftOf(split);

    return draft !== null && split.arms.some(({ name, configured }) =>
        draft.weights[name] !== configured);
}


function meanwhile(split) {
    if (!isDirty(split)
        || draftOf(split).generation === split.generation)
    {
        return null;
    }

    return el('p', { class: 'effect' },
        'The weights have changed since you began. Reset to start from what'
        + ' they are now.');
}


function slider(split, wanted) {
    const [first, second] = split.arms.map(({ name }) => name);
    const text = `${first} ${wanted[first].toFixed(2)} %, `
        + `${second} ${wanted[second].toFixed(2)} %`;

    return el('div', { class: 'slider' },
        el('label', { for: 'slider' },
            el('span', {}, swatch(split, first), first),
            el('span', {}, second, swatch(split, second))),
        el('input', { id: 'slider', type: 'range', min: 0, max: 100,
            step: 0.01, value: wanted[first], 'data-input': 'slider',
            'aria-label': `Share of ${first}`, 'aria-valuetext': text,
            'aria-describedby': 'slider-hint',
            style: { '--at': `${wanted[first]}%` } }),
        el('p', { id: 'slider-hint', class: 'hint' },
            'Arrow keys move by 1 point, with Shift by 0.01.'));
}


function presets(split, wanted) {
    const { name } = split.arms.find(({ name }) => name !== split.baseline);

    return el('div', { class: 'presets', role: 'group',
        'aria-label': `Share of ${name}` },
        el('span', { 'aria-hidden': 'true' }, `${name} to`),
        PRESETS.map((share) => button(`${share} %`, 'preset', {
            'data-arm': name, 'data-share': share,
            'aria-pressed': wanted[name] === share ? 'true' : 'false' })));
}


function field(split, name, weight) {
    const id = `weight-${name}`;

    // what is typed for one split is not of another one with such an arm
    return el('div', { class: `field ${armClass(split, name)}`,
        'data-key': `${split.name} ${name}` },
        el('label', { for: id }, swatch(split, name), name),
        el('input', { id, type: 'number', min: 0, max: 100, step: 0.01,
            inputmode: 'decimal', value: weight, 'data-input': 'weight',
            'data-arm': name, 'aria-describedby': 'weights-sum' }),
        el('span', { 'aria-hidden': 'true' }, '%'));
}
