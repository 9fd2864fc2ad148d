// Copyright (C) Ficus authors
//
// What the weights were: who changed them, when, from what, to what, why.

import { el } from '../dom.js';
import { count, weights, when } from '../format.js';
import { badge, button, panel, table } from './parts.js';


export function history(split, { history: records, verified }) {
    if (!records) {
        return null;
    }

    return panel('history', 'History', chain(verified),
        table('Changes of the weights, newest first', [
            'Generation', 'When', 'Who', 'From', 'To',
            'Why', 'Way back',
        ], records.map((record) => row(split, record))));
}


function row(split, record) {
    const isNow = record.generation === split.generation;

    return { key: record.generation, cells: [
        record.generation,
        el('time', { datetime: record.changed_at }, when(record.changed_at)),
        record.changed_by,
        weights(record.from),
        weights(record.weights),
        record.reason,
        isNow ? 'in use' : button('Go back …', 'rollback', {
            'data-generation': record.generation,
            'aria-label': `Go back to generation ${record.generation}` }),
    ] };
}


function chain(verified) {
    if (!verified) {
        return null;
    }

    return el('p', {}, verified.verified
        ? badge('ok', `Verified: ${count(verified.records)} records, the`
            + ' chain on the disk is whole')
        : badge('bad', `Not verified: ${verified.error}`));
}
