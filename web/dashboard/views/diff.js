// Copyright (C) Ficus authors
//
// What shadowing found: how often the arms answer differently, and where.

import { el } from '../dom.js';
import { count, percent, ratio, when } from '../format.js';
import { badge, button, fact, panel, table } from './parts.js';


export function diff(split, found) {
    const { shadow } = split;

    if (!found && !shadow) {
        return null;
    }

    return panel('diff', 'Comparison', now(shadow), found && summary(found),
        found?.routes.length > 0 && table('Differences by route and field', [
            'Route', 'Field', 'Kind', { text: 'Count', number: true },
            { text: 'Noise', number: true }, 'Verdict', 'Examples',
        ], found.routes.flatMap(rows)),
        found?.routes.length === 0
            && el('p', { class: 'hint' }, 'Nothing was compared yet.'));
}


function now(shadow) {
    if (!shadow) {
        return null;
    }

    return el('div', { class: 'line' },
        el('dl', {},
            fact('Shadowed', percent(shadow.share)),
            fact('In flight', count(shadow.in_flight)),
            fact('Started', count(shadow.started)),
            fact('Failed', count(shadow.failed)),
            fact('Dropped', dropped(shadow.dropped))),
        button('Set the share …', 'shadow'));
}


function dropped(counts) {
    return count(typeof counts === 'object' && counts
        ? Object.values(counts).reduce((sum, n) => sum + n, 0) : counts);
}


function summary({ since, compared, mismatched, ratio: share, noise }) {
    return el('p', {}, compared === 0 ? null
        : badge(mismatched ? 'warn' : 'ok',
            `${count(mismatched)} of ${count(compared)} differ`
            + ` (${ratio(share)})`),
        el('span', { class: 'small' }, ` since ${when(since)}`, noise
            && `; baseline against itself: ${count(noise.mismatched)} of `
                + count(noise.compared)));
}


function rows({ route, compared, mismatched, fields }) {
    const head = { key: `${route}\n`, cells: [route, 'all of it', '',
        `${count(mismatched)} of ${count(compared)}`, '', '', ''] };

    return [head, ...(fields ?? []).map((field) => ({
        key: [route, field.field, field.kind].join('\n'),
        cells: [route, el('code', {}, field.field), field.kind,
            count(field.count), count(field.noise),
            badge(field.verdict === 'noise' ? 'idle' : 'warn', field.verdict),
            examples(field.examples ?? [])],
    }))];
}


function examples(list) {
    return list.length === 0 ? null : el('details', {},
        el('summary', {}, `${list.length} kept`),
        el('ul', {}, list.map(({ at, baseline, other, uri }) => el('li', {},
            el('code', {}, uri), ` ${when(at)}: `,
            el('code', { class: 'was' }, text(baseline)), ' → ',
            el('code', { class: 'is' }, text(other))))));
}


function text(value) {
    return typeof value === 'string' ? value : JSON.stringify(value) ?? 'none';
}
