// Copyright (C) Ficus authors
//
// What the weights were: who changed them, when, from what, to what, why.

import { el } from '../dom.js';
import { DASH, plural, when, zone } from '../format.js';
import { badge, button, panel, table } from './parts.js';

const RECENT = 8;               // the others are there when they are wanted


export function history(split, { history: records, verified }) {
    if (!records) {
        return null;
    }

    const older = records.slice(RECENT);

    return panel('history', 'History', chain(verified),
        changes(split, 'Changes of the weights, newest first',
            records.slice(0, RECENT)),
        older.length > 0 && el('details', {},
            el('summary', {}, plural(older.length, 'older change',
                'older changes')),
            changes(split, 'Older changes', older)));
}


function changes(split, caption, records) {
    return table(caption, ['Generation', `When, ${zone()}`, 'Who', 'From',
        'To', 'Why', 'Way back'], records.map((record) => row(split, record)));
}


function row(split, record) {
    const isNow = record.generation === split.generation;

    return { key: record.generation, cells: [
        record.generation,
        el('time', { datetime: record.changed_at }, when(record.changed_at)),
        record.changed_by,
        weightList(record.from),
        weightList(record.weights),
        record.reason,
        isNow ? 'in use' : button('Go back …', 'rollback', {
            'data-generation': record.generation,
            'aria-label': `Go back to generation ${record.generation}` }),
    ] };
}


// A line ends between two arms, not in one.

function weightList(map) {
    return map ? Object.entries(map).map(([name, weight], i) =>
        [i > 0 && ', ', el('span', { class: 'weight' },
            `${name} ${weight.toFixed(2)}`)]) : DASH;
}


function chain(verified) {
    if (!verified) {
        return null;
    }

    return el('p', {}, verified.verified
        ? badge('ok', `Verified: ${plural(verified.records, 'record',
            'records')}, the chain on the disk is whole`)
        : badge('bad', `Not verified: ${verified.error}`));
}
